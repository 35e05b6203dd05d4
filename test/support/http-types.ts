/** What the tests use of a response object that Express and Fastify have in common. */
export interface FrameworkResponse {
  status(code: number): this;
  send(body?: unknown): unknown;
  header(name: string, value: string): this;
  redirect(url: string): unknown;
}

/** The response as `@Res()` gives it on the platform at hand, down to Node's own. */
export function rawOf(response: object): import('node:http').ServerResponse {
  return ((response as { raw?: unknown }).raw ?? response) as import('node:http').ServerResponse;
}
