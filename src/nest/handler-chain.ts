import type { NestInterceptor, StreamableFile } from '@nestjs/common';
import { InterceptorsConsumer } from '@nestjs/core/interceptors/interceptors-consumer.js';
import { RouterResponseController } from '@nestjs/core/router/router-response-controller.js';
import { finished, type Readable } from 'node:stream';
import { Observable } from 'rxjs';
import { isPromise, isStream } from '../errors/safely.js';
import type { RawRequest } from './raw-http.js';

/** Receives what a request is told about its handler and the interceptors around it. */
export interface HandlerListener {
  /** Whether Nest waits for the handler before it sends the response, if no interceptor answers earlier. */
  readonly isSentByNest: boolean;
  /** Called with the promise of a handler or of an async interceptor that has begun. */
  trackHandler(handler: Promise<unknown>): void;
  /** Called with what a returned async iterable or web stream is read with. */
  trackBody(body: StreamedBody): void;
  /** Whether anything looks for the request in its async context. */
  readonly usesAsyncContext: boolean;
  /** Calls back in the async context of the request. */
  runInContext(callback: () => void): void;
  /** Returns the result once all that must precede the answer is done. Absent where the adapter can wait for that. */
  answer?(result: Promise<unknown>): Promise<unknown>;
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
 * application of the process; `find` returns the listener of what the handler is called for.
 */
export function listenToHandlers(find: FindListener): void {
  const prototype = InterceptorsConsumer.prototype as InterceptorsConsumer & { [PATCHED]?: true };
  if (prototype[PATCHED]) return;
  const { intercept } = prototype;
  const interceptAndTell: Intercept = function (interceptors, args, instance, callback, next, type) {
    const hasInterceptors = interceptors?.length > 0;
    const listener = find(args, type, hasInterceptors);
    const outlivesRoute = listener && (!listener.isSentByNest || hasInterceptors);
    const result = intercept.call(
      this,
      outlivesRoute ? toldOf(interceptors, find) : interceptors,
      args,
      instance,
      callback,
      outlivesRoute ? telling(listener, next) : next,
      type,
    );
    if (listener?.answer) return listener.answer(result);
    return listener?.usesAsyncContext ? tearingDownIn(listener, result) : result;
  };
  prototype.intercept = interceptAndTell as typeof intercept;
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

/**
 * Finds the listener by the arguments of a handler and the type of its context, such as `'http'`. `begins`: whether one
 * begins now that begins on its first use.
 */
export type FindListener = (
  args: readonly unknown[],
  type: string | undefined,
  begins: boolean,
) => HandlerListener | undefined;

type Intercept = (
  this: InterceptorsConsumer,
  ...args: Parameters<InterceptorsConsumer['intercept']>
) => Promise<unknown>;

const PATCHED = Symbol('nestjs-background-tasks:interceptors-consumer');

/** The interceptors of a route, which also tell of their promises. Nest keeps one array a route. */
const told = new WeakMap<readonly NestInterceptor[], NestInterceptor[]>();

function toldOf(interceptors: NestInterceptor[], find: FindListener) {
  let known = told.get(interceptors);
  if (!known) {
    known = interceptors.map((interceptor) => ({
      intercept: (context, handler) => {
        const result = interceptor.intercept(context, handler);
        if (isPromise(result)) find(context.getArgs(), context.getType(), true)?.trackHandler(result);
        return result;
      },
    }));
    told.set(interceptors, known);
  }
  return known;
}

/** Calls a handler and tells of its promise. */
function telling(listener: HandlerListener, next: () => Promise<unknown>): () => Promise<unknown> {
  return () => {
    const handler = next();
    listener.trackHandler(handler);
    return handler;
  };
}

/** Runs the teardown of a returned Observable in the context of its request. An event of the socket calls it. */
async function tearingDownIn(listener: HandlerListener, result: Promise<unknown>): Promise<unknown> {
  const source = await result;
  if (!isStream(source)) return source;
  return new Observable((subscriber) => {
    const subscription = source.subscribe({
      next: (value) => subscriber.next(value),
      error: (error: unknown) => subscriber.error(error),
      complete: () => subscriber.complete(),
    });
    return () => listener.runInContext(() => subscription.unsubscribe());
  });
}

/** Nest reads the body of a returned async iterable or web stream through an iterator of its own. */
function listenToBodies(find: FindListener): void {
  const prototype = RouterResponseController.prototype as unknown as { readFirst?: ReadFirst };
  const { readFirst } = prototype;
  // Nest before 12.1 sends no such bodies.
  if (!readFirst) return;
  prototype.readFirst = function readFirstAndTell(iterator, request, response) {
    find([request], 'http', true)?.trackBody(bodyOf(iterator));
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
