import type { ArgumentsHost } from '@nestjs/common';
import { ExceptionsHandler } from '@nestjs/core/exceptions/exceptions-handler.js';
import { types } from 'node:util';
import { describeKind } from '../errors/describe-value.js';
import { isInstance, isPromise } from '../errors/safely.js';

/** Receives an error that is about to be answered; `answer` hands it to the exception filters. */
export type ExceptionListener = (exception: unknown, host: ArgumentsHost, answer: (exception: unknown) => void) => void;

/** Receives the promise of an async exception filter that has begun. */
export type FilterListener = (filter: Promise<unknown>, host: ArgumentsHost) => void;

/**
 * Calls the listener with every error of a guard, pipe, interceptor, handler, constructor or middleware on its way
 * to the exception filters, but not with an error that an interceptor turned into a value. No other place sees exactly
 * those. The first listener serves every application of the process, which it finds by the request.
 */
export function listenToExceptions(listener: ExceptionListener, filterBegun: FilterListener): void {
  const prototype = ExceptionsHandler.prototype as ExceptionsHandler & { [PATCHED]?: true };
  if (prototype[PATCHED]) return;
  const { next, setCustomFilters } = prototype;
  prototype.next = function nextAfterListener(this: ExceptionsHandler, exception: Error, host: ArgumentsHost) {
    listener(exception, host, (answered) => next.call(this, answered as Error, host));
  };
  prototype.setCustomFilters = function setListenedFilters(this: ExceptionsHandler, filters) {
    // Nest does not wait for an async filter, and has no other sign of one.
    const listened = filters.map((filter) => ({
      ...filter,
      func: (exception: unknown, host: ArgumentsHost) => {
        const result: unknown = filter.func(exception, host);
        if (isPromise(result)) filterBegun(result, host);
        return result;
      },
    }));
    setCustomFilters.call(this, listened);
  };
  prototype[PATCHED] = true;
}

/** Passes what an exception filter threw to the framework, as Nest does when a handler rejects. */
export function forwardError(host: ArgumentsHost, thrown: unknown): void {
  const isError = isInstance(thrown, Error) && !types.isProxy(thrown);
  // To Express, `undefined` is no error; Fastify sends a string as the body of a 200.
  const error = isError ? thrown : new Error(`An exception filter threw ${describeKind(thrown)}, which is no error.`);
  const [, response, next] =
    host.getArgs<[unknown, { send?(error: unknown): void }, ((error: unknown) => void) | undefined]>();
  if (typeof next === 'function') next(error);
  else response.send?.(error);
}

const PATCHED = Symbol('nestjs-background-tasks:exceptions-handler');
