import { buildSamples, compile } from './build.mjs';

// Builds the package and the samples, and runs a program of them: `node sample/start.mjs 01-quick-start/main`.

const program = process.argv[2];
console.log('Building the package and the samples. This takes a few seconds…');
compile('tsconfig.build.json');
await import('../inspector-page/build.mjs');
buildSamples();
console.log(`Starting sample/${program}.ts…`);
await import(`./dist/${program}.js`);
