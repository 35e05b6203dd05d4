import { Injectable } from '@nestjs/common';
import { type ContextId, ModuleRef, ModulesContainer } from '@nestjs/core';
import { defer, type Observable } from 'rxjs';
import { isInstance, isPromise, isStream, safely, whenSettled } from '../errors/safely.js';
import { isConstructed, isPerRequest, wrappersOf } from '../nest/injector.js';
import { type InstanceRecord, onInstanceBegun } from '../nest/instances.js';
import { asyncContext } from '../tasks/async-context.js';
import { providedByModule } from '../tasks/registration.js';
import { CalledUnit } from './called-unit.js';
import { CalledUnits } from './called-units.js';
import { RequestScopes } from './request-scopes.js';
import { attachScopeSource, scopeSourceOf } from './scope-source.js';
import { Unit } from './unit.js';

/** Runs the calls of methods that are marked with `@UnitOfWork()`. */
@Injectable()
export class UnitsOfWork {
  /** The units of request-scoped instances that were built outside of any request, and wait for their call. */
  readonly #built = new Map<InstanceRecord, CalledUnit>();
  readonly #listened = new WeakSet<object>();

  constructor(
    private readonly scopes: RequestScopes,
    private readonly units: CalledUnits,
    private readonly moduleRef: ModuleRef,
    private readonly modules: ModulesContainer,
  ) {}

  /** Joins the request, message or task that makes the call; outside of any, the call is a unit of its own. */
  run(instance: object, description: string, method: () => unknown): unknown {
    const built = this.#unitOf(instance);
    return built ? this.#begin(built, method) : this.#join(description, method);
  }

  #join(description: string, method: () => unknown): unknown {
    const current = asyncContext.getStore();
    if (!current || (isInstance(current, Unit) && current.isOver))
      return this.#begin(this.#create(description), method);
    const result = method();
    if (isInstance(current, Unit) && isPromise(result)) current.track(result);
    return result;
  }

  /**
   * Listens to request-scoped classes with marked methods. Called again after modules were loaded lazily. Some libraries
   * build such an instance before they call its method: what is injected into it belongs to the unit of that call.
   */
  explore(): void {
    for (const wrapper of wrappersOf(this.modules)) {
      if (this.#listened.has(wrapper) || !isPerRequest(wrapper) || !isConstructed(wrapper)) continue;
      const description = markOf(wrapper.metatype);
      if (description === undefined) continue;
      this.#listened.add(wrapper);
      onInstanceBegun(wrapper, (contextId, record) => this.#begun(contextId, record, description));
    }
  }

  #begun(contextId: ContextId, record: InstanceRecord, description: string): void {
    if (this.scopes.knows(contextId) || scopeSourceOf(contextId)) return;
    const unit = this.#create(description);
    unit.useContext(contextId);
    attachScopeSource(contextId, unit);
    this.#built.set(record, unit);
    // Whoever builds it calls it at once. If that does not happen, or the build fails, nobody will.
    queueMicrotask(() => void whenSettled(Promise.resolve(record.donePromise), () => this.#expectCall(record)));
  }

  #expectCall(record: InstanceRecord): void {
    setImmediate(() => {
      const unit = this.#built.get(record);
      this.#built.delete(record);
      unit?.end();
    });
  }

  #unitOf(instance: object): CalledUnit | undefined {
    for (const [record, unit] of this.#built) {
      if (record.instance !== instance) continue;
      this.#built.delete(record);
      return unit;
    }
    return undefined;
  }

  #create(description: string): CalledUnit {
    this.scopes.plan.scanOnce();
    return new CalledUnit(this.scopes, 'unit', description, {}, this.moduleRef);
  }

  #begin(unit: CalledUnit, method: () => unknown): unknown {
    return this.units.call(unit, () => {
      const result = method();
      // Where there is nothing to wait for, a synchronous method stays one.
      return isPromise(result) ? this.#answerLater(unit, result) : this.#answer(unit, result);
    });
  }

  async #answerLater(unit: CalledUnit, result: Promise<unknown>): Promise<unknown> {
    return this.#answer(unit, await result);
  }

  /** The unit of an Observable may be over when somebody subscribes. That is a call of its own, then. */
  #answer(unit: CalledUnit, result: unknown): unknown {
    const answer = unit.answerNow(result);
    if (!isStream(result)) return answer;
    const later = () => this.#join(unit.description, () => result);
    return defer(() => (unit.isAnswered ? later() : answer) as Observable<unknown>);
  }
}

/** The key under which a prototype says that it has marked methods, and which. */
export const MARKED = Symbol('nestjs-background-tasks:unit-of-work');

/** Reads the mark of a class, which may be a proxy or have no prototype. */
function markOf(type: unknown): string | undefined {
  return safely(() => (type as { readonly prototype?: { readonly [MARKED]?: string } }).prototype?.[MARKED], undefined);
}

providedByModule(UnitsOfWork);
