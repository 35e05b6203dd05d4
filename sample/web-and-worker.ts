import { findRedis } from './find-redis.js';
import { runPrograms } from './run-programs.js';

interface StartSettings {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
}

/** Starts `main.js` and `worker.js` of a folder, with a Redis. `variables` adds to their environment. */
export async function runWebAndWorker(
  folder: string,
  readSettings: () => StartSettings,
  variables: () => Record<string, string> = () => ({}),
): Promise<void> {
  await runPrograms({
    folder,
    files: ['main.js', 'worker.js'],
    readSettings,
    findServer: ({ dataDir }) => findRedis(process.env['REDIS_URL'], dataDir),
    variables: ({ url }) => ({ REDIS_URL: url, ...variables() }),
  });
}
