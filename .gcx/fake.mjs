import 'reflect-metadata'; import { NestFactory } from '@nestjs/core'; import { Module } from '@nestjs/common';
import { BackgroundTasksModule, defineTask, TaskHandler, TaskScopes, TaskBackends } from 'nestjs-background-tasks';
const Work=defineTask({name:'work'}); class H{run(){}} TaskHandler(Work)(H);
class Root{}; Module({imports:[BackgroundTasksModule.forRoot()],providers:[H]})(Root);
const app=await NestFactory.createApplicationContext(Root,{logger:false}); const scopes=app.get(TaskScopes);
app.get(TaskBackends).use({checkSettings(){},assertReady(){},accept:async()=>{},start(){},stopTaking(){}});
const B=10; const once=()=>scopes.run(({tasks})=>{for(let i=0;i<B;i++) tasks.enqueue(Work,{orderId:String(i)})});
const empty=()=>scopes.run(()=>undefined); const add=()=>scopes.run(({tasks})=>{for(let i=0;i<B;i++) tasks.addTask(Number,1)});
for(const [n,f] of [['enqueue',once],['empty',empty],['addTask',add],['enqueue',once],['empty',empty],['addTask',add],['enqueue',once],['empty',empty],['addTask',add]]){ for(let i=0;i<3000;i++) await f(); const t=performance.now(); for(let i=0;i<10000;i++) await f(); console.log(n,((performance.now()-t)*1e3/10000/B).toFixed(2),'us/job'); }
process.exit();
