import { findRedis } from '../find-redis.js';
import { runPrograms } from '../run-programs.js';
import { Settings } from './settings.js';

await runPrograms({
  folder: import.meta.url,
  files: ['main.js'],
  readSettings: () => new Settings(process.env),
  findServer: ({ dataDir }) => findRedis(process.env['REDIS_URL'], dataDir),
  variables: ({ url }) => ({ REDIS_URL: url }),
});
