import { onceClosed } from './once-closed.js';
import { isHttp2, type RawRequest, type RawResponse } from './raw-http.js';

/**
 * Makes Fastify's reply settle when its connection closes. A reply is a promise of the end of its response, and
 * Nest's route waits for it. A pipelined response whose turn never came is told nothing when its client leaves, and
 * neither is one on HTTP/2 whose stream was reset before it was sent: without this, such a route would never settle.
 */
export function settleWithConnection(reply: object, request: RawRequest, response: RawResponse): void {
  const { then } = reply as Partial<PromiseLike<unknown>>;
  if (typeof then !== 'function') return;
  const connection = isHttp2(response) ? response.stream : response.socket ? undefined : request.socket;
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
