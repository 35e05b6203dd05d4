import { type ModulesContainer, NestApplicationContext, type NestContainer } from '@nestjs/core';

/**
 * Has each application run a check before the first `onModuleInit()`, when everything has been built. What the check
 * throws stops the start-up. A testing module that is compiled and never initialised is not checked.
 */
export function beforeInit(check: (modules: ModulesContainer) => void): void {
  const prototype = NestApplicationContext.prototype as unknown as Internals;
  const { callInitHook } = prototype;
  // The start-up check of our module names it.
  if (typeof callInitHook !== 'function') return;
  prototype.callInitHook = async function checkAndCall() {
    check(this.container.getModules());
    return callInitHook.call(this);
  };
}

interface Internals {
  readonly container: NestContainer;
  callInitHook(): Promise<void>;
}
