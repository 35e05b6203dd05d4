import { readFileSync, readdirSync } from 'node:fs';
const load=(d,jobs)=>{const p=JSON.parse(readFileSync(d+'/'+readdirSync(d)[0])); const byId=new Map(p.nodes.map(n=>[n.id,n])); const self=new Map(); p.samples.forEach((s,i)=>{const f=byId.get(s).callFrame;const u=f.url.replace(/.*node_modules\//,'').replace(/.*\/main\/dist\//,'OURS/');const k=(f.functionName||'(anon)')+' '+u+':'+f.lineNumber;self.set(k,(self.get(k)??0)+p.timeDeltas[i]/jobs)});return self};
const [,,a,b,jobs]=process.argv; const A=load(a,+jobs),B=load(b,+jobs); const keys=new Set([...A.keys(),...B.keys()]);
const rows=[...keys].map(k=>[k,A.get(k)??0,B.get(k)??0]).sort((x,y)=>Math.abs(y[1]-y[2])-Math.abs(x[1]-x[2])).slice(0,40);
for(const [k,x,y] of rows) console.log(x.toFixed(2).padStart(7),y.toFixed(2).padStart(7),(x-y).toFixed(2).padStart(7),k);
const t=(M,f)=>[...M].filter(([k])=>f(k)).reduce((s,[,v])=>s+v,0).toFixed(1); console.log('total',t(A,()=>1),t(B,()=>1),'ours',t(A,k=>k.includes('OURS')),t(B,k=>k.includes('OURS')));
