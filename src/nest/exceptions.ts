import type { ArgumentsHost } from '@nestjs/common';
import { ExceptionsHandler } from '@nestjs/core/exceptions/exceptions-handler.js';

/** Receives an error that is about to be answered; `answer` hands it to the exception filters. */
export type ExceptionListener = (exception: unknown, host: ArgumentsHost, answer: (exception: unknown) => void) => void;

/** Receives the promise of an async exception filter that has begun. */
export type FilterListener = (filter: Promise<unknown>, host: ArgumentsHost) => void;

/**
 * Calls the listener with every error of a guard, pipe, interceptor, handler, constructor or middleware on its way
 * to the exception filters. No other place sees all of them and nothing else: an error that an interceptor turned
 * into a value never gets here. One listener, the first, serves every application of the process: it finds the
 * application by the request.
 */
export function listenToExceptions(listener: ExceptionListener, filterBegun: FilterListener): void {
  const prototype = ExceptionsHandler.prototype as ExceptionsHandler & { [PATCHED]?: true };
  if (prototype[PATCHED]) return;
  const { next, setCustomFilters } = prototype;
  prototype.next = function nextAfterListener(this: ExceptionsHandler, exception: Error, host: ArgumentsHost) {
    listener(exception, host, (answered) => next.call(this, answered as Error, host));
  };
  prototype.setCustomFilters = function setListenedFilters(this: ExceptionsHandler, filters) {
    // Nest does not wait for an async filter, and does not say that there is one.
    const listened = filters.map((filter) => ({
      ...filter,
      func: (exception: unknown, host: ArgumentsHost) => {
        const result: unknown = filter.func(exception, host);
        if (result instanceof Promise) filterBegun(result, host);
        return result;
      },
    }));
    setCustomFilters.call(this, listened);
  };
  prototype[PATCHED] = true;
}

/** Hands an error to the framework, as happens with a handler that rejects. */
export function forwardError(host: ArgumentsHost, error: unknown): void {
  const [, response, next] =
    host.getArgs<[unknown, { send?(error: unknown): void }, ((error: unknown) => void) | undefined]>();
  if (typeof next === 'function') next(error);
  else response.send?.(error);
}

const PATCHED = Symbol('nestjs-background-tasks:exceptions-handler');
