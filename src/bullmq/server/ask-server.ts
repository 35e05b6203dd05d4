import { BackendUnavailableError } from '../../errors/named-task-errors.js';
import { failureReason } from './failure-reason.js';
import type { QueueServer } from './queue-server.js';

/** Asks the server for something. `what` and `action` name it, as in "Tasks", "listed". @throws BACKEND_UNAVAILABLE */
export async function askServer<T>(
  server: QueueServer,
  what: string,
  action: string,
  ask: () => Promise<T>,
): Promise<T> {
  const { kind, unavailableBecause } = server;
  try {
    if (unavailableBecause !== undefined) throw new Error(unavailableBecause);
    return await server.answered(ask());
  } catch (error) {
    const details = { cause: error, action, fix: 'Try again later.' };
    throw new BackendUnavailableError(what, `${kind}: ${failureReason(error)}`, details);
  }
}
