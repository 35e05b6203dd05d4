import { randomBytes } from 'node:crypto';
import { runWebAndWorker } from '../web-and-worker.js';
import { Settings } from './settings.js';

await runWebAndWorker(
  import.meta.url,
  () => new Settings(process.env),
  () => ({ BOARD_PASSWORD: process.env['BOARD_PASSWORD'] ?? newPassword() }),
);

function newPassword(): string {
  const password = randomBytes(12).toString('base64url');
  console.log(`The board's password is ${password} until this ends; set BOARD_PASSWORD for one of your own.`);
  return password;
}
