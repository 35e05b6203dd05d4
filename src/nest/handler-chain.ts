import type { NestInterceptor, StreamableFile } from '@nestjs/common';
import { InterceptorsConsumer } from '@nestjs/core/interceptors/interceptors-consumer.js';
import { RouterResponseController } from '@nestjs/core/router/router-response-controller.js';
import { finished, type Readable } from 'node:stream';
import { isObservable, Observable } from 'rxjs';
import { isPromise, safely } from '../errors/safely.js';
import type { RawRequest } from './raw-http.js';

/** Receives what a request is told about its handler and the interceptors around it. */
export interface HandlerListener {
  /** Whether Nest waits for the handler before it sends the response, if no interceptor answers earlier. */
  readonly isSentByNest: boolean;
  /** Called with the promise of a handler or of an async interceptor that has begun. */
  trackHandler(handler: Promise<unknown>): void;
  /** Called with what a returned async iterable or web stream is read with. */
  trackBody(body: StreamedBody): void;
  /** Calls back in the async context of the request; absent where nothing looks for it there. */
  readonly runInContext?: ((callback: () => void) => void) | undefined;
}

/** A response body that is read piece by piece. */
export interface StreamedBody {
  /** Whether a piece is being read right now. */
  readonly isReading: boolean;
  /** Makes it end, and resolves once it has: a generator has run its `finally` blocks. */
  end(): Promise<unknown>;
}

/**
 * Tells requests of their handlers. A route settles when its response is decided: an interceptor may answer while the
 * handler goes on, and Nest answers by itself when the client of `@Sse()` leaves. The first call serves every
 * application of the process; `find` returns the request's listener.
 */
export function listenToHandlers(find: (request: unknown) => HandlerListener | undefined): void {
  const prototype = InterceptorsConsumer.prototype as InterceptorsConsumer & { [PATCHED]?: true };
  if (prototype[PATCHED]) return;
  const { intercept } = prototype;
  prototype.intercept = function interceptAndTell(
    this: InterceptorsConsumer,
    ...[interceptors, args, instance, callback, next, type]: Parameters<typeof intercept>
  ) {
    const listener = find(args[0]);
    if (!listener) return intercept.call(this, interceptors, args, instance, callback, next, type);
    const outlivesRoute = !listener.isSentByNest || interceptors?.length > 0;
    const begin = () => {
      const handler = next();
      listener.trackHandler(handler);
      return handler;
    };
    const told = outlivesRoute ? toldOf(interceptors, find) : interceptors;
    const result = intercept.call(this, told, args, instance, callback, outlivesRoute ? begin : next, type);
    const { runInContext } = listener;
    if (!runInContext) return result;
    return result.then((value: unknown) => (isStream(value) ? withTeardownIn(runInContext, value) : value));
  } as typeof intercept;
  listenToBodies(find);
  prototype[PATCHED] = true;
}

/** Describes the stream of a file. Only its end is known: a generator behind it has run its `finally` blocks then. */
export function bodyOfFile(file: StreamableFile): StreamedBody {
  const stream: Readable & { readonly _readableState?: { readonly emitClose?: boolean } } = file.getStream();
  return {
    isReading: false,
    async end() {
      // Such a stream does not tell.
      if (stream._readableState?.emitClose === false) return;
      await new Promise<void>((resolve) => finished(stream, () => resolve()));
    },
  };
}

const PATCHED = Symbol('nestjs-background-tasks:interceptors-consumer');

/** The interceptors of a route, which also tell of their promises. Nest keeps one array a route. */
const told = new WeakMap<readonly NestInterceptor[], NestInterceptor[]>();

function toldOf(interceptors: NestInterceptor[], find: (request: unknown) => HandlerListener | undefined) {
  let known = told.get(interceptors);
  if (!known) {
    known = interceptors.map((interceptor) => ({
      intercept: (context, handler) => {
        const result = interceptor.intercept(context, handler);
        if (isPromise(result)) find(context.getArgByIndex(0))?.trackHandler(result);
        return result;
      },
    }));
    told.set(interceptors, known);
  }
  return known;
}

/** Runs the teardown of an Observable in a context. It is called when the client leaves, by an event of the socket. */
function withTeardownIn<T>(run: (callback: () => void) => void, source: Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const subscription = source.subscribe({
      next: (value) => subscriber.next(value),
      error: (error: unknown) => subscriber.error(error),
      complete: () => subscriber.complete(),
    });
    return () => run(() => subscription.unsubscribe());
  });
}

/** Nest asks the same, and then answers what the value throws. */
function isStream(value: unknown): value is Observable<unknown> {
  return safely(() => isObservable(value), false);
}

/** Nest reads the body of a returned async iterable or web stream through an iterator of its own. */
function listenToBodies(find: (request: unknown) => HandlerListener | undefined): void {
  const prototype = RouterResponseController.prototype as unknown as { readFirst?: ReadFirst };
  const { readFirst } = prototype;
  // Nest before 12.1 sends no such bodies.
  if (!readFirst) return;
  prototype.readFirst = function readFirstAndTell(iterator, request, response) {
    find(request)?.trackBody(bodyOf(iterator));
    return readFirst.call(this, iterator, request, response);
  };
}

function bodyOf(iterator: BodyIterator): StreamedBody {
  let reads = 0;
  const { next } = iterator;
  iterator.next = () => {
    reads++;
    const piece = next.call(iterator);
    const settled = () => void reads--;
    piece.then(settled, settled);
    return piece;
  };
  return {
    get isReading() {
      return reads > 0;
    },
    end: () => iterator.return(),
  };
}

interface BodyIterator {
  next(): Promise<unknown>;
  return(): Promise<unknown>;
}

type ReadFirst = (this: unknown, iterator: BodyIterator, request: RawRequest, response: unknown) => unknown;
