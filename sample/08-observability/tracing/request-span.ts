import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { NextFunction, Request, Response } from 'express';

/** Makes a span of each request, as `@opentelemetry/instrumentation-http` does. */
export function requestSpan(request: Request, response: Response, next: NextFunction): void {
  const span = trace.getTracer('sample').startSpan(request.method, { kind: SpanKind.SERVER });
  response.once('close', () => {
    const { path } = request.route as { readonly path: string };
    span.updateName(`${request.method} ${path}`);
    span.setAttribute('http.response.status_code', response.statusCode);
    if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
  context.with(trace.setSpan(context.active(), span), next);
}
