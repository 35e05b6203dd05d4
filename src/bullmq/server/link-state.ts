/**
 * A state of our link to the server. The link takes tasks only while it is `up`. The other states have a reason, and
 * refuse tasks at once.
 *
 * - `starting` or `down` → `up`: there is a connection, and a probe has shown that a task can be added. Each new
 *   connection and each failure begins with such a probe, which is repeated until it succeeds.
 * - `starting` or `up` → `down`: the connection is lost or cannot be made, the server did not confirm tasks, or a
 *   probe failed. The outage lasts until the link is `up`, and is logged once.
 * - any state → `closed`: the application has closed. Nothing follows.
 */
export type LinkState =
  | { readonly name: 'up'; readonly reason?: undefined }
  | { readonly name: 'starting' | 'down' | 'closed'; readonly reason: string };
