import type { ContextId } from '@nestjs/core';
import { InstanceWrapper, STATIC_CONTEXT } from '@nestjs/core/internal';

/** What the injector keeps about an instance it is building for one request. */
export interface InstanceUnderConstruction {
  instance?: unknown;
  isPending?: boolean;
  isConstructorCalled?: boolean;
  donePromise?: Promise<unknown>;
}

/**
 * Calls `begun` whenever the injector begins an instance of the wrapper for a context of its own.
 * Nest offers no hook, and looking at every wrapper when a request ends costs milliseconds.
 * `inquirerId` names who asked, for a transient.
 */
export function onInstanceBegun(
  wrapper: InstanceWrapper,
  begun: (contextId: ContextId, host: InstanceUnderConstruction, inquirerId: string | undefined) => void,
): void {
  const { setInstanceByContextId, setInstanceByInquirerId } = InstanceWrapper.prototype;
  wrapper.setInstanceByContextId = function (contextId, host, inquirerId) {
    // With an inquirer, a transient goes on to the other method, which would tell a second time.
    if (contextId !== STATIC_CONTEXT && !(wrapper.isTransient && inquirerId)) begun(contextId, host, inquirerId);
    setInstanceByContextId.call(wrapper, contextId, host, inquirerId);
  };
  wrapper.setInstanceByInquirerId = function (contextId, inquirerId, host) {
    if (contextId !== STATIC_CONTEXT) begun(contextId, host, inquirerId);
    setInstanceByInquirerId.call(wrapper, contextId, inquirerId, host);
  };
}

/**
 * Has the injector take a provider's instance for a request from `supply`, which costs a fraction of
 * what it spends on building one. A promise is awaited, and what `supply` throws is thrown.
 */
export function supplyInstances(wrapper: InstanceWrapper, supply: (contextId: ContextId) => unknown): void {
  // The injector asks for this once a context, when it has nothing for it yet.
  wrapper.cloneStaticInstance = (contextId) => {
    const host: ReturnType<InstanceWrapper['cloneStaticInstance']> = { instance: undefined, isResolved: false };
    wrapper.setInstanceByContextId(contextId, host);
    const supplied = (instance: unknown) => void Object.assign(host, { instance, isResolved: true, isPending: false });
    const instance = attempt(() => supply(contextId));
    if (instance instanceof Promise) {
      host.isPending = true;
      host.donePromise = instance.then(supplied);
      // Whoever asked handles a failure.
      host.donePromise.catch(() => undefined);
    } else supplied(instance);
    return host;
  };
}

/** What `call` returned; what it threw, as a rejection. */
function attempt(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (async () => {
      throw error;
    })();
  }
}

/** Stops what {@link onInstanceBegun} started. */
export function ignoreInstances(wrapper: InstanceWrapper): void {
  delete (wrapper as Partial<InstanceWrapper>).setInstanceByContextId;
  delete (wrapper as Partial<InstanceWrapper>).setInstanceByInquirerId;
}
