import type { ContextId } from '@nestjs/core';
import type { InstancePerContext } from '@nestjs/core/injector/instance-wrapper.js';
import { InstanceWrapper, STATIC_CONTEXT } from '@nestjs/core/internal';
import { isPromise } from '../errors/safely.js';

/** The injector's own record of one instance, which it may still be building. */
export type InstanceRecord = InstancePerContext<unknown>;

/**
 * Calls `begun` whenever the injector begins an instance of the wrapper for a context of its own. Nest offers no
 * hook, and looking at every wrapper when a request ends costs milliseconds. For a transient, `inquirerId` names the
 * provider that it is built for.
 */
export function onInstanceBegun(
  wrapper: InstanceWrapper,
  begun: (contextId: ContextId, record: InstanceRecord, inquirerId: string | undefined) => void,
): void {
  const { setInstanceByContextId, setInstanceByInquirerId } = InstanceWrapper.prototype;
  wrapper.setInstanceByContextId = function (contextId, record, inquirerId) {
    // With an inquirer, a transient goes on to the other method, which would call `begun` a second time.
    if (contextId !== STATIC_CONTEXT && !(wrapper.isTransient && inquirerId)) begun(contextId, record, inquirerId);
    setInstanceByContextId.call(wrapper, contextId, record, inquirerId);
  };
  wrapper.setInstanceByInquirerId = function (contextId, inquirerId, record) {
    if (contextId !== STATIC_CONTEXT) begun(contextId, record, inquirerId);
    setInstanceByInquirerId.call(wrapper, contextId, inquirerId, record);
  };
}

/** Stops what {@link onInstanceBegun} started. */
export function ignoreInstances(wrapper: InstanceWrapper): void {
  delete (wrapper as Partial<InstanceWrapper>).setInstanceByContextId;
  delete (wrapper as Partial<InstanceWrapper>).setInstanceByInquirerId;
}

/**
 * Makes the injector take a provider's instance for a request from `supply`, which costs a fraction of building one.
 * A promise is awaited, and what `supply` throws is thrown.
 */
export function supplyInstances(wrapper: InstanceWrapper, supply: (contextId: ContextId) => unknown): void {
  // The injector calls this once a context, when it has nothing for it yet.
  wrapper.cloneStaticInstance = (contextId) => {
    const record: ReturnType<InstanceWrapper['cloneStaticInstance']> = { instance: undefined, isResolved: false };
    wrapper.setInstanceByContextId(contextId, record);
    let instance: unknown;
    try {
      instance = supply(contextId);
    } catch (error) {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- passed on as it was thrown
      instance = Promise.reject(error);
    }
    const supplied = (value: unknown) => {
      record.instance = value;
      record.isResolved = true;
      record.isPending = false;
    };
    if (isPromise(instance)) {
      record.isPending = true;
      record.donePromise = instance.then(supplied);
      // The code that asked for the instance handles a failure.
      record.donePromise.catch(() => undefined);
    } else supplied(instance);
    return record;
  };
}

/** Whether {@link supplyInstances} was called for the wrapper. */
export function isSupplied(wrapper: InstanceWrapper): boolean {
  return Object.hasOwn(wrapper, 'cloneStaticInstance');
}
