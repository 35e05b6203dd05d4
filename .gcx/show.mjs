import { readFileSync, readdirSync } from 'node:fs';
const p=JSON.parse(readFileSync('/tmp/cp/'+readdirSync('/tmp/cp')[0])); const byId=new Map(p.nodes.map(n=>[n.id,n])); const self=new Map(); let tot=0; p.samples.forEach((s,i)=>{const f=byId.get(s).callFrame;const u=f.url.replace(/.*node_modules\//,'').replace(/.*\/dist\//,'OURS/');const k=(f.functionName||'(anon)')+' '+u+':'+f.lineNumber;self.set(k,(self.get(k)??0)+p.timeDeltas[i]);tot+=p.timeDeltas[i]});
for(const [k,v] of [...self].sort((a,b)=>b[1]-a[1]).slice(0,+(process.argv[2]??45))) console.log((v/tot*100).toFixed(2).padStart(6)+'%',k);
console.log('ours total',([...self].filter(([k])=>k.includes('OURS')).reduce((x,[,y])=>x+y,0)/tot*100).toFixed(1));
