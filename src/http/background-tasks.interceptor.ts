import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { unitOf } from '../handlers/current-unit.js';
import { wrappersOf } from '../nest/injector.js';
import { needsModule } from '../tasks/registration.js';
import { exchangeOf } from './find-exchange.js';

/**
 * Makes `BackgroundTasksRef.current` work in the routes, resolvers and handlers of messages that it is bound to. Only an
 * application that gets the reference without injecting it, as with `moduleRef.get()`, needs this: where anything injects
 * it, or `LazyModuleLoader`, it works in all of them.
 */
@Injectable()
export class BackgroundTasksInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const unit = context.getType() === 'http' ? exchangeOf(context.getArgByIndex(0)) : unitOf(context);
    if (!unit) return next.handle();
    // Opened now, so that a task is refused that is added after the request is over.
    unit.openScope('BackgroundTasks');
    return unit.runInContext(() => next.handle());
  }
}

needsModule((modules) => {
  const found = [...wrappersOf(modules)].find(({ metatype }) => metatype === BackgroundTasksInterceptor);
  return found && `BackgroundTasksInterceptor in ${found.host!.name}`;
});
