import type { Type } from '@nestjs/common';
import { NotRegisteredError } from '../../errors/set-up-errors.js';
import { beforeInit } from '../../nest/before-init.js';
import { wrappersOf } from '../../nest/injector.js';
import { isProvided } from '../../nest/missing-providers.js';
import { membersOf } from '../../options/checks.js';
import { BullMqSchedules } from '../bullmq-schedules.js';

const SCHEDULED = Symbol('nestjs-background-tasks:scheduled');

/** Options of `@Scheduled()`: `{ pattern }` as in a crontab, with `tz`, or `{ every }` in milliseconds. */
export type ScheduledOptions = ScheduledTimes & {
  /** The id of the schedule in its queue. @default the name of the task. Several schedules of one task each need one. */
  readonly id?: string;
  /** The payload of each task, which its schema checks when the application starts. @default {} */
  readonly payload?: unknown;
};

type ScheduledTimes =
  | {
      /** The times, as in a crontab: `'0 3 * * *'` is at three each night. */
      readonly pattern: string;
      /** The time zone of the pattern, such as `'Europe/Berlin'`. @default that of the process */
      readonly tz?: string;
      readonly every?: never;
    }
  | { readonly every: number; readonly pattern?: never; readonly tz?: never };

/**
 * Enqueues the task of a `@TaskHandler()` class again and again, on BullMQ. Each process that has the handler sets the
 * schedule when it starts, or as soon as the server is there. A schedule stays when its decorator is gone: end it with
 * `BullMqSchedules.remove(id)`.
 *
 * @throws INVALID_OPTION; at start-up INVALID_OPTION for wrong times, two schedules of one id or a class without
 * `@TaskHandler()`, INVALID_PAYLOAD, and NOT_REGISTERED without `BullMqBackgroundTasksModule`
 */
export function Scheduled(options: ScheduledOptions): (target: Type) => void {
  const given = Object.freeze(Object.fromEntries(membersOf('@Scheduled()', options))) as unknown as ScheduledOptions;
  return (target) => {
    const others = schedulesOn(target) ?? [];
    Reflect.defineMetadata(SCHEDULED, [given, ...others], target);
  };
}

/** The schedules of a class itself, not of the class it extends, in the order of their decorators. */
export function schedulesOn(metatype: unknown): readonly ScheduledOptions[] | undefined {
  return typeof metatype === 'function'
    ? (Reflect.getOwnMetadata(SCHEDULED, metatype) as readonly ScheduledOptions[] | undefined)
    : undefined;
}

beforeInit((modules) => {
  if (isProvided(modules, BullMqSchedules)) return;
  for (const { token, metatype, name, host } of wrappersOf(modules)) {
    if (!(schedulesOn(token) ?? schedulesOn(metatype))) continue;
    throw new NotRegisteredError(
      `@Scheduled() ${String(name)} of ${host!.name} needs BullMqBackgroundTasksModule, which is not registered`,
      "BullMqBackgroundTasksModule.forRoot({ connection: 'redis://localhost:6379' })",
    );
  }
});
