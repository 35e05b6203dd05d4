import type { ArgumentsHost } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { NestMicroservice, type Server } from '@nestjs/microservices';
import { RequestContextHost } from '@nestjs/microservices/context/request-context-host.js';
import { RpcContextCreator } from '@nestjs/microservices/context/rpc-context-creator.js';
import { RpcExceptionsHandler } from '@nestjs/microservices/exceptions/rpc-exceptions-handler.js';
import { ListenersController } from '@nestjs/microservices/listeners-controller.js';
import type { Socket } from 'node:net';
import { from, mergeMap, Observable, of } from 'rxjs';
import { isInstance, isPromise, isStream } from '../errors/safely.js';
import { BackgroundTasksInterceptor } from '../http/background-tasks.interceptor.js';
import { isPlain } from '../nest/handlers.js';
import type { PreparesHandlers } from '../nest/interceptors.js';
import { connectionOf, isCancelled } from './nest-servers.js';

export const microserviceHandlers: object = RpcContextCreator.prototype;

/** A message or an event that a microservice has received. */
export class ReceivedMessage {
  #request: object | undefined;

  constructor(
    readonly handler: RegisteredHandler,
    private readonly args: readonly unknown[],
  ) {}

  /** The value that Nest injects as `REQUEST`. */
  get request(): object {
    const [data, context] = this.args;
    return (this.#request ??= RequestContextHost.create(this.handler.pattern as never, data, context as never));
  }

  /** The connection that it came over, if that was TCP. */
  get connection(): Socket | undefined {
    return connectionOf(this.args[1]);
  }

  /** Whether its sender no longer waits for an answer, where that can be known. */
  get hasPeerLeft(): boolean {
    if (this.handler.isEvent) return false;
    return this.connection?.destroyed === true || isCancelled(this.args);
  }
}

/** A handler, as it is registered with a server. */
export interface RegisteredHandler {
  readonly pattern: unknown;
  readonly isEvent: boolean;
  /** Whether the handler takes the value of `REQUEST` as its first argument, because its controller needs one. */
  readonly takesRequest: boolean;
  /** Whether nothing in its controller asks for anything of ours. */
  readonly isPlain: boolean;
}

/** Serves the messages of one application. */
export interface MessageListener {
  /** Called with each server, before it brings messages. */
  serving(server: object): void;
  /** Calls the handler, and returns its result. */
  received(message: ReceivedMessage, handler: () => unknown): unknown;
  /** Called before the application closes its microservice, which is awaited. */
  closing(): Promise<void>;
}

/** Receives an error that is about to be answered. Returns a promise of the one to answer, if that takes time. */
export type RpcExceptionListener = (error: unknown) => Promise<{ readonly error: unknown }> | undefined;

/** Calls the listener with all messages of the application that these modules belong to. */
export function listenToMessages(modules: ModulesContainer, listener: MessageListener): void {
  listeners.set(modules, listener);
  patchHandlers();
  patchClose();
}

/**
 * Calls the listener with every error of a guard, pipe, interceptor, handler or constructor on its way to the exception
 * filters of microservices. The first one serves every application of the process.
 */
export function listenToRpcExceptions(listener: RpcExceptionListener): void {
  const prototype = RpcExceptionsHandler.prototype;
  if (isPatched(prototype)) return;
  const handle = prototype.handle as Handle;
  prototype.handle = function handleAfterListener(this: RpcExceptionsHandler, error: Error, ...rest: HandleRest) {
    const failing = listener(error);
    if (!failing) return handle.call(this, error, ...rest);
    return from(failing).pipe(mergeMap((failure) => streamOf(handle.call(this, failure.error, ...rest))));
  } as typeof prototype.handle;
}

type HandleRest = [host: ArgumentsHost, reportUnhandled?: boolean];
type Handle = (this: RpcExceptionsHandler, error: unknown, ...rest: HandleRest) => unknown;

const listeners = new WeakMap<ModulesContainer, MessageListener>();

/** Members of Nest's own classes. The first leads to the application. */
interface Internals {
  readonly container: { getModules(): ModulesContainer };
  readonly contextCreator: PreparesHandlers;
}

const PATCHED = Symbol('nestjs-background-tasks:microservices');

function isPatched(prototype: object): boolean {
  const known = PATCHED in prototype;
  if (!known) Object.defineProperty(prototype, PATCHED, { value: true });
  return known;
}

/** Nest registers what it makes of the handlers of a controller with the server, all in one call. */
function patchHandlers(): void {
  const prototype = ListenersController.prototype;
  if (isPatched(prototype)) return;
  const { registerPatternHandlers } = prototype;
  prototype.registerPatternHandlers = function registerAndListen(wrapper, server: Server, moduleKey) {
    const { container, contextCreator } = this as unknown as Internals;
    const listener = listeners.get(container.getModules());
    if (!listener) return registerPatternHandlers.call(this, wrapper, server, moduleKey);
    listener.serving(server);
    const takesRequest = !wrapper.isDependencyTreeStatic();
    const asksForNothing = isPlain(wrapper, contextCreator, BackgroundTasksInterceptor);
    const own = Object.getOwnPropertyDescriptor(server, 'addHandler');
    const { addHandler } = server;
    server.addHandler = (pattern, handler, isEvent, extras) => {
      const registered = {
        pattern: pattern as unknown,
        isEvent: isEvent === true,
        takesRequest,
        isPlain: asksForNothing,
      };
      const listened = listening(handler as Registered, registered, listener);
      addHandler.call(server, pattern, listened as never, isEvent, extras);
    };
    try {
      registerPatternHandlers.call(this, wrapper, server, moduleKey);
    } finally {
      if (own) Object.defineProperty(server, 'addHandler', own);
      else delete (server as Partial<Server>).addHandler;
    }
  };
}

/** Function that Nest registers, and calls with the data and the transport's context. */
interface Registered {
  (...args: unknown[]): unknown;
  /** The next handler of the same event. */
  next?: Registered;
}

/** Each handler of an event is called on its own, so Nest's context of an earlier one is left out. */
function listening(handler: Registered, registered: RegisteredHandler, listener: MessageListener): Registered {
  const listened: Registered = (...given) => {
    const args = isInstance(given[0], RequestContextHost) ? given.slice(1) : given;
    const message = new ReceivedMessage(registered, args);
    return listener.received(message, () => handler(...(registered.takesRequest ? [message.request, ...args] : args)));
  };
  // Nest's own function looks for the next one on itself; the server sets it on what was registered.
  Object.defineProperty(listened, 'next', {
    get: () => handler.next,
    set(next: Registered) {
      handler.next = next;
    },
  });
  return listened;
}

/** A microservice closes its server, and the connections of TCP with it, before any hook is called. */
function patchClose(): void {
  const prototype = NestMicroservice.prototype;
  if (isPatched(prototype)) return;
  const { close } = prototype;
  prototype.close = async function closeAfterListener(): Promise<void> {
    const { container } = this as unknown as Internals;
    await listeners.get(container.getModules())?.closing();
    await close.call(this);
  };
}

/** Reads the result of a filter as Nest does. */
function streamOf(answer: unknown): Observable<unknown> {
  if (isStream(answer)) return answer;
  return isPromise(answer) ? from(answer).pipe(mergeMap(streamOf)) : of(answer);
}
