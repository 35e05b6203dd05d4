import { existsSync, readdirSync } from 'node:fs';
import { buildSamples, compile } from './build.mjs';

// Builds the package and the samples, and runs one of them, by its number: `npm run sample 02`.

const folder = new URL('.', import.meta.url);
const samples = readdirSync(folder).filter((name) => /^\d\d-/.test(name));
const [number] = process.argv.slice(2);
const sample = samples.find((name) => number !== undefined && name.startsWith(number.padStart(2, '0')));
if (!sample) {
  console.error(`Say which sample: npm run sample 01. There are ${samples.join(', ')}.`);
  process.exit(1);
}
// For the sentence of a program, or of one that it starts, that names the command.
process.env['SAMPLE'] = number;
// One that starts more than its own process has a program for that.
const program = existsSync(new URL(`${sample}/start.ts`, folder)) ? 'start' : 'main';

console.log('Building the package and the samples. This takes a few seconds…');
compile('tsconfig.build.json');
await import('../inspector-page/build.mjs');
buildSamples();
console.log(`Starting sample/${sample}/${program}.ts…`);
await import(`./dist/${sample}/${program}.js`);
