import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// npm run check:matrix: the applications of consumers.test.ts, each compiled by TypeScript 5.9, 6 and 7 as ES module and
// CommonJS, on each Node that the package promises. npx brings those that are not here. Build before.

const NODES = ['20.19.0', '22', '24'];
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

const failed = NODES.filter((version) => {
  const node = ['-y', '-p', `node@${version}`, 'node'];
  const { stdout } = spawnSync('npx', [...node, '--version'], { encoding: 'utf8' });
  console.log(`\nNode ${stdout.trim() || `${version} could not be installed`}`);
  return (
    spawnSync('npx', [...node, vitest, 'run', 'test/package/consumers.test.ts'], { stdio: 'inherit' }).status !== 0
  );
});
console.log(failed.length === 0 ? '\nAll of them passed.' : `\nFailed on Node ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
