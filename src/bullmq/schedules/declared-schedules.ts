import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { setTimeout as wait } from 'node:timers/promises';
import { InvalidOptionError } from '../../errors/errors.js';
import { handledBy } from '../../named/task-handler.decorator.js';
import { type InstanceWrapper, wrappersOf } from '../../nest/injector.js';
import { afterLazyLoading } from '../../nest/modules.js';
import { checkAll, nonEmptyString, wholeNumber } from '../../options/checks.js';
import type { TaskDefinition } from '../../tasks/task-definition.js';
import { failureReason } from '../server/failure-reason.js';
import { QueueServer } from '../server/queue-server.js';
import { type NewSchedule, newSchedule } from './new-schedule.js';
import { putSchedule } from './put-schedule.js';
import { type ScheduledOptions, schedulesOn } from './scheduled.decorator.js';

/** The schedules that handlers declare with `@Scheduled()`. Each is set once in the life of this process. */
@Injectable()
export class DeclaredSchedules implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #known = new Set<string>();
  readonly #closing = new AbortController();

  constructor(
    @Inject(QueueServer) private readonly server: QueueServer,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** Checks them, and sets them once. What the server does not take now is tried again in the background. */
  async onApplicationBootstrap(): Promise<void> {
    await this.#begin(await this.#check());
    afterLazyLoading(this.modules, () => {
      void this.#check()
        .then((added) => this.#begin(added))
        .catch((error: unknown) => this.server.log.scheduleRefused(error));
    });
  }

  onModuleDestroy(): void {
    this.#closing.abort();
  }

  /** Returns those that were not known. @throws INVALID_OPTION, INVALID_PAYLOAD */
  async #check(): Promise<NewSchedule[]> {
    const { options } = this.server;
    const found = new Map<string, NewSchedule>();
    for (const { definition, wrapper, given } of declaredIn(this.modules)) {
      const { id = definition.name, payload = {}, ...repeat } = checkAll<Given>(PATH, given, rules);
      if (found.has(id)) {
        const fix = `${String(wrapper.name)} has a second schedule of this id: give each an id of its own.`;
        throw new InvalidOptionError(`${PATH}.id`, id, fix);
      }
      found.set(id, await newSchedule(PATH, { id, definition, payload, repeat }, options));
    }
    return [...found.values()].filter(({ id }) => !this.#known.has(id));
  }

  async #begin(schedules: readonly NewSchedule[]): Promise<void> {
    for (const { id } of schedules) this.#known.add(id);
    const left = await this.#setAll(schedules);
    if (left.length > 0) void this.#tryAgain(left);
  }

  async #tryAgain(schedules: readonly NewSchedule[]): Promise<void> {
    const { signal } = this.#closing;
    for (let left = schedules; left.length > 0; left = await this.#setAll(left)) {
      // A process that has nothing else to do may end.
      await wait(TRY_AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  /** Resolves with those that the server did not take. */
  async #setAll(schedules: readonly NewSchedule[]): Promise<NewSchedule[]> {
    const set = async (schedule: NewSchedule) => {
      try {
        await putSchedule(this.server, schedule);
        return [];
      } catch (error) {
        // An outage is logged by itself.
        if (this.server.unavailableBecause === undefined) {
          this.server.log.scheduleWaits(schedule.id, failureReason((error as Error).cause));
        }
        return [schedule];
      }
    };
    return (await Promise.all(schedules.map(set))).flat();
  }
}

/** Finds the schedules of all handlers. @throws INVALID_OPTION for a class that handles nothing */
function* declaredIn(modules: ModulesContainer): Generator<Declared> {
  const seen = new Set<unknown>();
  for (const wrapper of wrappersOf(modules)) {
    if (wrapper.isAlias) continue;
    for (const type of [wrapper.token, wrapper.metatype]) {
      const schedules = seen.has(type) ? undefined : schedulesOn(type);
      if (!schedules) continue;
      seen.add(type);
      const definition = handledBy(type);
      if (!definition) {
        const fix = 'Only a handler can have a schedule: add @TaskHandler() for the definition.';
        throw new InvalidOptionError(PATH, type, fix, `the class ${String(wrapper.name)} without @TaskHandler()`);
      }
      for (const given of schedules) yield { definition, wrapper, given };
    }
  }
}

interface Declared {
  readonly definition: TaskDefinition;
  readonly wrapper: InstanceWrapper;
  readonly given: ScheduledOptions;
}

/** The options of a decorator, in the name of which they are checked. */
interface Given {
  readonly id?: string;
  readonly payload?: unknown;
  readonly pattern?: string;
  readonly tz?: string;
  readonly every?: number;
}

const PATH = '@Scheduled()';

const rules = {
  id: nonEmptyString,
  // The definition checks it.
  payload: (_option: string, value: unknown) => value as object,
  pattern: nonEmptyString,
  tz: nonEmptyString,
  every: wholeNumber(1),
};

/** Milliseconds before a schedule is set again that the server did not take. */
const TRY_AGAIN_MS = 1_000;
