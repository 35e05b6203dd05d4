import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

// node test/package/weigh.mjs: the size of each entry point as a bundler takes it, without the packages that it needs, and
// the time that its import takes in a process of its own. Build before.

const ROUNDS = 15;
const root = fileURLToPath(new URL('../..', import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
const entryPoints = Object.entries(exports).filter(([, target]) => target.default);

console.log(`Node ${process.versions.node}\n| entry point | files | minified | gzip | import ms |`);
console.log('|---|---|---|---|---|');
for (const [path, { default: file }] of entryPoints) {
  const { output } = await build({
    root,
    logLevel: 'silent',
    configFile: false,
    build: {
      write: false,
      minify: true,
      ssr: true,
      rolldownOptions: { input: `${root}/${file}`, external: (id) => !/^[./]/.test(id) },
    },
  });
  const chunks = output.filter(({ type }) => type === 'chunk');
  const code = chunks.map((chunk) => chunk.code).join('');
  const files = new Set(chunks.flatMap(({ moduleIds }) => moduleIds));
  const name = path.replace('.', 'nestjs-background-tasks');
  const kB = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`;
  console.log(
    `| \`${name}\` | ${files.size} | ${kB(code.length)} | ${kB(gzipSync(code).length)} | ${importMs(name)} |`,
  );
}

/** Imports Nest and the rest of its application first, as every application does. */
function importMs(name) {
  const code = `await import('reflect-metadata'); await import('@nestjs/common'); await import('@nestjs/core');
    const from = performance.now(); await import(${JSON.stringify(name)}); console.log(performance.now() - from);`;
  const times = Array.from({ length: ROUNDS }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' })),
  ).sort((a, b) => a - b);
  return times[Math.floor(ROUNDS / 2)].toFixed(0);
}
