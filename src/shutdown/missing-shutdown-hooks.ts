import type { Server } from 'node:http';
import type { TaskEngine } from '../execution/task-engine.js';

/**
 * Warns once, with the first task that a listening server accepts, if SIGTERM would end the process at once. Tests
 * close their applications themselves, so there is no warning where `NODE_ENV` is `test`.
 */
export function warnOfMissingShutdownHooks(server: Server, { ledger, log }: TaskEngine): void {
  if (process.env.NODE_ENV === 'test') return;
  server.once('listening', () => {
    ledger.onNextAccepted = (task) => {
      if (process.listenerCount('SIGTERM') === 0) log.missingShutdownHooks(task);
    };
  });
}
