import { isHttp2, onceClosed, type RawRequest, type RawResponse } from './raw-http.js';

/**
 * Makes Fastify's reply settle when its connection closes. A reply is a promise of the end of its response, and
 * Nest's route waits for it. Two kinds of response get no event when the client leaves: a pipelined one that waits for
 * its turn, and one whose HTTP/2 stream was reset before it was sent. Their routes would never settle.
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
