import { fork } from 'node:child_process'; import { once } from 'node:events';
const [,, file, ...args] = process.argv;
const c = fork(file, args, { execArgv: ['--trace-gc'], env: {...process.env, NODE_ENV:'production'}, silent:true });
let out=''; c.stdout.on('data',d=>out+=d); c.stderr.pipe(process.stderr);
const [port] = await once(c,'message');
const l = fork('/work/main/dist-bench/load.js', []);
l.send({ port, requests: 15000}); await once(l,'message'); out='';
l.send({ port, requests: 20000}); const [sec]=await once(l,'message');
const pts=[...out.matchAll(/(Scavenge|Mark-Compact).*? ([\d.]+) \([\d.]+\) -> ([\d.]+) .*? ([\d.]+) \/ [\d.]+ ms/g)].map(m=>[m[1],+m[2],+m[3],+m[4]]);
let alloc=0,surv=0,ms=0; for(let i=1;i<pts.length;i++){alloc+=pts[i][1]-pts[i-1][2]; ms+=pts[i][3]; if(pts[i][0]=='Scavenge') surv+=pts[i][2]-pts[i-1][2];}
console.log(args.join(' ').padEnd(30), (20000/sec).toFixed(0)+' rps', 'gc us/req',(ms*1000/20000).toFixed(1), 'alloc KB',(alloc*1024/20000).toFixed(1),'survived KB',(surv*1024/20000).toFixed(2), 'scav', pts.length, 'mc', pts.filter(p=>p[0]!='Scavenge').length);
l.disconnect(); c.disconnect(); await once(c,'exit');
