import 'reflect-metadata'; import { NestFactory } from '@nestjs/core'; import { Module } from '@nestjs/common'; import { Queue, Worker } from 'bullmq'; import {spawn} from 'node:child_process'; import {once} from 'node:events'; import {readFileSync} from 'node:fs';
import { BackgroundTasksModule, defineTask, TaskHandler, TaskScopes } from 'nestjs-background-tasks'; import { BullMqBackend, BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import { randomUUID } from 'node:crypto';
const port=17998; const r=spawn('redis-server',['--port',String(port),'--save','','--appendonly','yes','--dir','/tmp/enqredis'],{stdio:'pipe'}); await once(r.stdout,'data'); await new Promise(r=>setTimeout(r,500));
const N=+(process.env.N??4000); let left=0,fin; const hit=()=>{if(--left===0)fin()};
const Work=defineTask({name:'work'}); class H{run(){hit()}} TaskHandler(Work)(H);
const mk=async(worker)=>{class Root{}; Module({imports:[BackgroundTasksModule.forRoot(),BullMqBackgroundTasksModule.forRoot({connection:`redis://127.0.0.1:${port}`,queueName:'ours',worker})],providers:[H]})(Root); return NestFactory.createApplicationContext(Root,{logger:false});};
const plain=new Queue('plain',{connection:{host:'127.0.0.1',port}});
const opts={attempts:3,backoff:{type:'exponential',delay:1000,jitter:.5},removeOnComplete:{age:3600,count:1000},removeOnFail:{age:604800,count:10000}};
const optsLean={attempts:3,backoff:opts.backoff};
const q2=new Queue('plain2',{connection:{host:'127.0.0.1',port}}); const ourq=new Queue('ours',{connection:{host:'127.0.0.1',port}});
const fillPlain=async(q,mkjob)=>{for(let i=0;i<N;i+=500) await q.addBulk(Array.from({length:500},mkjob))};
const envJob=()=>({name:'work',data:{v:1,name:'work',id:randomUUID(),payload:{orderId:'1'},context:{}},opts:{...optsLean,jobId:'t'+randomUUID()}});
const modes={
 plain:[()=>fillPlain(plain,()=>({name:'work',data:{orderId:'1'},opts})),async()=>new Worker('plain',async()=>hit(),{connection:{host:'127.0.0.1',port,maxRetriesPerRequest:null},concurrency:10})],
 plainEnv:[()=>fillPlain(q2,envJob),async()=>new Worker('plain2',async()=>hit(),{connection:{host:'127.0.0.1',port,maxRetriesPerRequest:null},concurrency:10,removeOnComplete:opts.removeOnComplete})],
 ours:[()=>fillPlain(ourq,envJob),()=>mk({concurrency:10})],
};
const selfCpu=()=>Number(readFileSync('/proc/self/schedstat','utf8').split(' ')[0]); const redisCpu=()=>Number(readFileSync(`/proc/${r.pid}/schedstat`,'utf8').split(' ')[0]);
const which=(process.argv[2]??Object.keys(modes).join(',')).split(','); const rounds=+(process.argv[3]??9);
const acc={}; const {Redis}=await import('ioredis'); const c=new Redis(port);
for(let round=-1;round<rounds;round++){ for(const m of round%2?which:[...which].reverse()){ await modes[m][0](); const p=new Promise(r=>fin=r); left=N; const w=await modes[m][1](); while(left===N) await new Promise(setImmediate); const n=left; const a=selfCpu(),b=redisCpu(),t=performance.now(); await p; const e=performance.now(); const x=[(e-t)*1e3/n,(selfCpu()-a)/1e3/n,(redisCpu()-b)/1e3/n]; await w.close(); if(round>=0)(acc[m]??=[]).push(x); await c.flushall(); } }
const med=a=>a.sort((x,y)=>x-y)[a.length>>1];
for(const m of which) console.log(m.padEnd(12),'wall',med(acc[m].map(x=>x[0])).toFixed(1),'client',med(acc[m].map(x=>x[1])).toFixed(1),'redis',med(acc[m].map(x=>x[2])).toFixed(1),'us/job');
r.kill(); process.exit();
