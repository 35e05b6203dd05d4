import { findPostgres } from '../find-postgres.js';
import { runPrograms } from '../run-programs.js';
import { Settings } from './settings.js';

await runPrograms({
  folder: import.meta.url,
  files: ['main.js'],
  readSettings: () => new Settings(process.env),
  findServer: () => findPostgres(process.env['DATABASE_URL']),
  variables: ({ url }) => ({ DATABASE_URL: url }),
});
