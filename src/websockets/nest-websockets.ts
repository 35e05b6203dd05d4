import type { ArgumentsHost } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { WsContextCreator } from '@nestjs/websockets/context/ws-context-creator.js';
import { WsExceptionsHandler } from '@nestjs/websockets/exceptions/ws-exceptions-handler.js';
import { WebSocketsController } from '@nestjs/websockets/web-sockets-controller.js';
import { isPromise } from '../errors/safely.js';
import { BackgroundTasksInterceptor } from '../http/background-tasks.interceptor.js';
import { isPlain } from '../nest/handlers.js';
import type { PreparesHandlers } from '../nest/interceptors.js';

export const gatewayHandlers: object = WsContextCreator.prototype;

/** Reason to call a gateway: a message, or a client that has come or gone. */
export interface GatewayCall {
  readonly description: string;
  readonly client: object;
  /** Whether nothing in the gateway asks for anything of ours. */
  readonly isPlain: boolean;
  /** Whether the client's connection has been closed. */
  readonly hasPeerLeft: () => boolean;
}

/** Serves the gateways of one application: calls the handler, and returns its result. */
export type GatewayListener = (call: GatewayCall, handler: () => unknown) => unknown;

/** Takes part in how errors of gateways are answered. */
export interface WsExceptionListener {
  /** Receives an error before its filters. Returns a promise of the one to answer, if that takes time. */
  failed(error: unknown): Promise<{ readonly error: unknown }> | undefined;
  /** Receives the promise of an answer that has begun. */
  answering(answer: Promise<unknown>): void;
}

/** Calls the listener for all gateways of the application that these modules belong to. */
export function listenToGateways(modules: ModulesContainer, listener: GatewayListener): void {
  listeners.set(modules, listener);
  const prototype = WebSocketsController.prototype;
  if (isPatched(prototype)) return;
  const { subscribeEvents } = prototype;
  prototype.subscribeEvents = function subscribeAndListen(wrapper, messages, server, connected, disconnected) {
    const { container, contextCreator } = this as unknown as Internals;
    const known = listeners.get(container.getModules());
    if (!known) return subscribeEvents.call(this, wrapper, messages, server, connected, disconnected);
    const asksForNothing = isPlain(wrapper, contextCreator, BackgroundTasksInterceptor);
    const listened = messages.map((message) => ({
      ...message,
      callback: listening(
        known,
        { description: `message "${String(message.message)}"`, isPlain: asksForNothing },
        message.callback,
      ),
    }));
    const coming = listening(
      known,
      { description: 'a connection', isPlain: asksForNothing },
      connected as Handler | undefined,
    );
    const left = { description: 'a disconnection', isPlain: asksForNothing };
    // Its client has left, and waits for nothing.
    const going = listening(known, left, disconnected as Handler | undefined, () => false);
    return subscribeEvents.call(this, wrapper, listened as never, server, coming as never, going as never);
  };
}

/**
 * Calls the listener with every error of a guard, pipe, interceptor or handler on its way to the exception filters of
 * gateways. The first one serves every application of the process.
 */
export function listenToWsExceptions(listener: WsExceptionListener): void {
  const prototype = WsExceptionsHandler.prototype;
  if (isPatched(prototype)) return;
  const { handle, setCustomFilters } = prototype;
  prototype.handle = function handleAfterListener(error, host: ArgumentsHost) {
    const failing = listener.failed(error);
    if (!failing) return handle.call(this, error, host);
    listener.answering(failing.then((failure) => handle.call(this, failure.error as Error, host)));
  };
  prototype.setCustomFilters = function setListenedFilters(filters) {
    // Nest does not wait for an async filter, and has no other sign of one.
    const listened = filters.map((filter) => ({
      ...filter,
      func: (error: unknown, host: ArgumentsHost): unknown => {
        const result: unknown = filter.func(error, host);
        if (isPromise(result)) listener.answering(result);
        return result;
      },
    }));
    setCustomFilters.call(this, listened as never);
  };
}

/** Members of Nest's own class. The first leads to the application. */
interface Internals {
  readonly container: { getModules(): ModulesContainer };
  readonly contextCreator: PreparesHandlers;
}

type Handler = (this: unknown, ...args: unknown[]) => unknown;

/** A client of ws tells by its `readyState`, one of socket.io by `connected`. */
interface Client {
  readonly readyState?: unknown;
  readonly connected?: unknown;
}

const listeners = new WeakMap<ModulesContainer, GatewayListener>();

const PATCHED = Symbol('nestjs-background-tasks:websockets');

/** `WebSocket.OPEN`. */
const OPEN = 1;

function isPatched(prototype: object): boolean {
  const known = PATCHED in prototype;
  if (!known) Object.defineProperty(prototype, PATCHED, { value: true });
  return known;
}

function listening(
  listener: GatewayListener,
  registered: Pick<GatewayCall, 'description' | 'isPlain'>,
  handler: Handler | undefined,
  isGone: (client: Client) => boolean = hasLeft,
) {
  if (!handler) return undefined;
  return function listened(this: unknown, ...args: unknown[]): unknown {
    const client = args[0] as object;
    const call = { ...registered, client, hasPeerLeft: () => isGone(client) };
    return listener(call, () => handler.apply(this, args));
  };
}

function hasLeft({ connected, readyState }: Client): boolean {
  return typeof connected === 'boolean' ? !connected : readyState !== undefined && readyState !== OPEN;
}
