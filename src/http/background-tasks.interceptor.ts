import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { wrappersOf } from '../nest/injector.js';
import { asyncContext } from '../tasks/async-context.js';
import { needsModule } from '../tasks/registration.js';
import { exchangeOf } from './find-exchange.js';

/**
 * Makes `BackgroundTasksRef.current` work in the routes, and the handlers of messages, that it is bound to. Only an application that gets the reference
 * without injecting it, as with `moduleRef.get()`, needs this: where anything injects it, it works in all of them.
 */
@Injectable()
export class BackgroundTasksInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const exchange = exchangeOf(context.getArgByIndex(0));
    // A message has begun its unit already, which it does where this is bound anywhere.
    if (!exchange) return next.handle();
    // Opened now, so that a task is refused that is added after the request is over.
    exchange.openScope('BackgroundTasks');
    return asyncContext.run(exchange, () => next.handle());
  }
}

needsModule((modules) => {
  const found = [...wrappersOf(modules)].find(({ metatype }) => metatype === BackgroundTasksInterceptor);
  return found && `BackgroundTasksInterceptor in ${found.host!.name}`;
});
