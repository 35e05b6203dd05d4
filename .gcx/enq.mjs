import 'reflect-metadata'; import { NestFactory } from '@nestjs/core'; import { Module } from '@nestjs/common'; import { Queue } from 'bullmq'; import {spawn} from 'node:child_process'; import {once} from 'node:events'; import {readFileSync} from 'node:fs';
import { BackgroundTasksModule, defineTask, TaskHandler, TaskScopes } from 'nestjs-background-tasks'; import { BullMqBackend, BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import { randomUUID } from 'node:crypto';
const port=17999; const r=spawn('redis-server',['--port',String(port),'--save','','--appendonly','yes','--dir','/tmp/enqredis'],{stdio:'pipe'}); await once(r.stdout,'data'); await new Promise(r=>setTimeout(r,500));
const Work=defineTask({name:'work'}); class H{run(){}} TaskHandler(Work)(H);
class Root{}; Module({imports:[BackgroundTasksModule.forRoot(),BullMqBackgroundTasksModule.forRoot({connection:`redis://127.0.0.1:${port}`,queueName:'ours',worker:false})],providers:[H]})(Root);
const app=await NestFactory.createApplicationContext(Root,{logger:false}); const scopes=app.get(TaskScopes); const backend=app.get(BullMqBackend); while(backend.unavailableBecause) await new Promise(r=>setTimeout(r,10));
const plain=new Queue('plain',{connection:{host:'127.0.0.1',port}});
const opts={attempts:3,backoff:{type:'exponential',delay:1000,jitter:.5},removeOnComplete:{age:3600,count:1000},removeOnFail:{age:604800,count:10000}};
const optsLean={attempts:3,backoff:opts.backoff};
const B=10; let seq=1e6; const rnd=randomUUID().slice(0,10);
const modes={
 ours:()=>scopes.run(({tasks})=>{for(let i=0;i<B;i++) tasks.enqueue(Work,{orderId:String(i)})}),
 plain:()=>plain.addBulk(Array.from({length:B},(_,i)=>({name:'work',data:{orderId:String(i)},opts}))),
 plainLean:()=>plain.addBulk(Array.from({length:B},(_,i)=>({name:'work',data:{orderId:String(i)},opts:optsLean}))),
 plainId:()=>plain.addBulk(Array.from({length:B},(_,i)=>({name:'work',data:{orderId:String(i)},opts:{...optsLean,jobId:'t'+randomUUID()}}))),
 plainIdEnv:()=>plain.addBulk(Array.from({length:B},(_,i)=>({name:'work',data:{v:1,name:'work',id:randomUUID(),payload:{orderId:String(i)},context:{}},opts:{...optsLean,jobId:'t'+randomUUID()}}))),
  plainShort:()=>plain.addBulk(Array.from({length:B},(_,i)=>({name:'work',data:{orderId:String(i)},opts:{...optsLean,jobId:'t'+(seq++).toString(36)+rnd}}))),
 plainEnv2:()=>plain.addBulk(Array.from({length:B},(_,i)=>({name:'work',data:{v:1,name:'work',id:(seq).toString(36)+rnd,payload:{orderId:String(i)},context:{}},opts:{...optsLean,jobId:'t'+(seq++).toString(36)+rnd}}))),
 accept:()=>backend.accept(Array.from({length:B},(_,i)=>({envelope:{v:1,name:'work',id:randomUUID(),payload:{orderId:String(i)},context:{}},idempotencyKey:undefined,retry:undefined,settings:{}}))),
};
const redisCpu=async()=>{const s=readFileSync(`/proc/${r.pid}/schedstat`,'utf8').split(' ')[0];return Number(s)};
const selfCpu=()=>Number(readFileSync('/proc/self/schedstat','utf8').split(' ')[0]);
async function go(fn,n){let left=n;const lane=async()=>{while(left-->0) await fn()};await Promise.all(Array.from({length:20},lane));}
const which=(process.argv[2]??Object.keys(modes).join(',')).split(','); const rounds=+(process.argv[3]??15);
const acc={}; const {Redis}=await import('ioredis'); const c=new Redis(port);
for(let round=-1;round<rounds;round++){ const order=round%2?which:[...which].reverse(); for(const m of order){ const a=selfCpu(),b=await redisCpu(),t=performance.now(); await go(modes[m],100); const e=performance.now(); const x=[(e-t)*1e3/1000,(selfCpu()-a)/1e6,(await redisCpu()-b)/1e6]; if(round>=0)(acc[m]??=[]).push(x); await c.flushall(); } }
const med=a=>a.sort((x,y)=>x-y)[a.length>>1];
for(const m of which) console.log(m.padEnd(12),'wall',med(acc[m].map(x=>x[0])).toFixed(1),'client',med(acc[m].map(x=>x[1])).toFixed(1),'redis',med(acc[m].map(x=>x[2])).toFixed(1),'us/job');
r.kill(); process.exit();
