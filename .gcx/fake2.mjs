import 'reflect-metadata'; import { NestFactory } from '@nestjs/core'; import { Module } from '@nestjs/common';
import { BackgroundTasksModule, defineTask, TaskHandler, TaskScopes, TaskBackends } from 'nestjs-background-tasks';
const Work=defineTask({name:'work'}); class H{run(){}} TaskHandler(Work)(H);
class Root{}; Module({imports:[BackgroundTasksModule.forRoot()],providers:[H]})(Root);
const app=await NestFactory.createApplicationContext(Root,{logger:false}); const scopes=app.get(TaskScopes);
app.get(TaskBackends).use({checkSettings(){},assertReady(){},accept:()=>new Promise(r=>pend.push(r)),start(){},stopTaking(){}});
const pend=[]; const B=10; const once=()=>scopes.run(({tasks})=>{for(let i=0;i<B;i++) tasks.enqueue(Work,{orderId:String(i)})});
const empty=()=>scopes.run(()=>undefined); const add=()=>scopes.run(({tasks})=>{for(let i=0;i<B;i++) tasks.addTask(Number,1)});
async function lanes(n){let left=n;const lane=async()=>{while(left-->0)await once()};let doneAll=false;const p=Promise.all(Array.from({length:20},lane)).then(()=>doneAll=true);while(!doneAll){await new Promise(setImmediate);for(const r of pend.splice(0))r()}await p}
for(let k=0;k<5;k++){const c=process.cpuUsage();const t=performance.now();await lanes(10000);console.log('lanes enqueue',((performance.now()-t)*1e3/10000/B).toFixed(2),'us/job')}
process.exit();
