import { onceClosed } from './once-closed.js';
import type { RawRequest, RawResponse } from './response-end.js';

/**
 * Fastify's reply is a promise of its response's end, and Nest's route waits for it. A pipelined
 * response whose turn never came learns nothing when its client leaves, nor does one on HTTP/2 whose
 * stream was reset before it was sent, so the route would never settle: such a reply ends with its
 * connection, too.
 */
export function endWithConnection(reply: object, request: RawRequest, response: RawResponse): void {
  const { then } = reply as Partial<PromiseLike<unknown>>;
  if (typeof then !== 'function') return;
  const connection = 'stream' in response ? response.stream : response.socket ? undefined : request.socket;
  if (!connection) return;
  const endOrClose = (fulfilled: (value?: unknown) => void, rejected: (error: unknown) => void) => {
    if (connection.destroyed) return fulfilled();
    const stopWatching = onceClosed(connection, fulfilled);
    const stopped =
      <A extends unknown[]>(settle: (...args: A) => void) =>
      (...args: A) => {
        stopWatching();
        settle(...args);
      };
    return then.call(reply as PromiseLike<unknown>, stopped(fulfilled), stopped(rejected));
  };
  Object.assign(reply, { then: endOrClose });
}
