import { Laboratory } from '../dist-bench/measure.js'; import { median, spread } from '../dist-bench/statistics.js';
for (const requestsPerRun of [200,1000,200,1000]) {
const l=new Laboratory({seconds:15,requestsPerRun,warmupRequests:10000});
for (const p of ['Express']) { const r=await l.measure({variant:'resource by constructor, 1 task',baseline:"same factory, undisposed"},p); 
 const tot=r.cpuPerRequest.baseline.reduce((a,b)=>a+b)/r.cpuPerRequest.variant.reduce((a,b)=>a+b);
 console.log(requestsPerRun,r.cpuRatios.length,p,spread(r.throughputRatios),'cpu',spread(r.cpuRatios),'total cpu',tot.toFixed(3)); }
await l.close();}
