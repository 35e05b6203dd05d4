import { ExpressAdapter } from '@nestjs/platform-express';
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express';

/**
 * An adapter that is neither Express nor Fastify: its handlers get objects of its own, which hold Node's at `raw`.
 * Express routes its requests.
 */
export class FramingAdapter extends ExpressAdapter {
  override getType(): string {
    return 'framing';
  }

  override get(...args: unknown[]): unknown {
    return super.get(...(framed(args) as [never, never]));
  }

  override post(...args: unknown[]): unknown {
    return super.post(...(framed(args) as [never, never]));
  }

  override setNotFoundHandler(handler: Handler, ...rest: [string?, never?]): unknown {
    return super.setNotFoundHandler(framedHandler(handler), ...rest);
  }

  override setErrorHandler(handler: ErrorHandler, prefix?: string): unknown {
    const framing: ErrorRequestHandler = (error: unknown, request, response, next) =>
      handler(error, new FramedRequest(request), new FramedResponse(response), next);
    return super.setErrorHandler(framing, prefix);
  }

  override reply(response: FramedResponse, body: unknown, statusCode?: number): unknown {
    return super.reply(response.raw, body, statusCode);
  }

  override redirect(response: FramedResponse, statusCode: number, url: string): unknown {
    return super.redirect(response.raw, statusCode, url);
  }

  override status(response: FramedResponse, statusCode: number): unknown {
    return super.status(response.raw, statusCode);
  }

  override isHeadersSent(response: FramedResponse): boolean {
    return super.isHeadersSent(response.raw);
  }

  override setHeader(response: FramedResponse, name: string, value: string): unknown {
    return super.setHeader(response.raw, name, value);
  }

  override getRequestMethod(request: FramedRequest) {
    return request.method;
  }

  override getRequestUrl(request: FramedRequest) {
    return request.url;
  }
}

class FramedRequest {
  constructor(readonly raw: Request) {}

  get method(): string {
    return this.raw.method;
  }

  get url(): string {
    return this.raw.originalUrl;
  }

  get params(): Request['params'] {
    return this.raw.params;
  }
}

class FramedResponse {
  constructor(readonly raw: Response) {}
}

type Handler = (request: FramedRequest, response: FramedResponse, next: NextFunction) => void;
type ErrorHandler = (error: unknown, ...request: Parameters<Handler>) => void;

/** Makes the last argument a handler that Express can call. */
function framed(args: readonly unknown[]): unknown[] {
  return [...args.slice(0, -1), framedHandler(args.at(-1) as Handler)];
}

function framedHandler(handler: Handler): RequestHandler {
  return (request, response, next) => handler(new FramedRequest(request), new FramedResponse(response), next);
}
