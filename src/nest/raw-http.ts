import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

/** Node's own request, which a framework may wrap. */
export type RawRequest = IncomingMessage | Http2ServerRequest;
/** Node's own response, which a framework may wrap. */
export type RawResponse = ServerResponse | Http2ServerResponse;

export function isHttp2(response: RawResponse): response is Http2ServerResponse {
  return 'stream' in response;
}
