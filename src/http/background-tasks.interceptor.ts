import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { OutsideScopeError } from '../errors/errors.js';
import { asyncContext } from '../tasks/async-context.js';
import { exchangeOf } from './http-exchange.js';

/**
 * Makes `BackgroundTasksRef.current` work in the routes it is bound to. Needed only where the
 * reference is reached in a way the injector's graph does not show, as with `moduleRef.get()`:
 * where it is injected anywhere in the application, all routes have it already.
 */
@Injectable()
export class BackgroundTasksInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const exchange = exchangeOf(context.getArgByIndex(0));
    if (!exchange) throw new OutsideScopeError('BackgroundTasksInterceptor');
    // Opened now, so that what is added after the request is over is refused rather than run.
    exchange.openScope();
    return asyncContext.run(exchange, () => next.handle());
  }
}
