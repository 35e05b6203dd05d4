import { Inject, Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { UnknownTaskError } from '../errors/named-task-errors.js';
import { TaskRegistry } from '../named/task-registry.js';
import { nonEmptyString } from '../options/checks.js';
import { assertDefinition, type TaskDefinition } from '../tasks/task-definition.js';
import { type BullMqSchedule, findSchedules } from './schedules/find-schedules.js';
import { type BullMqRepeat, type BullMqScheduleSettings, newSchedule } from './schedules/new-schedule.js';
import { dropSchedule, putSchedule } from './schedules/put-schedule.js';
import { QueueServer } from './server/queue-server.js';

/** Named tasks that are enqueued again and again, by BullMQ's job schedulers. */
@Injectable()
export class BullMqSchedules {
  constructor(
    @Inject(QueueServer) private readonly server: QueueServer,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /**
   * Makes a schedule, or replaces the one of that id: each process that starts may call it. One that does not change is
   * left alone. As with `enqueue`, this process must have a handler for the definition; the tasks run wherever a worker
   * has one. A payload is JSON, of 64 KiB at most.
   *
   * @throws BACKEND_UNAVAILABLE, INVALID_OPTION, INVALID_PAYLOAD, UNKNOWN_TASK
   */
  async set<Input, Output>(
    scheduleId: string,
    definition: TaskDefinition<Input, Output>,
    payload: NoInfer<Input>,
    repeat: BullMqRepeat,
    settings: BullMqScheduleSettings = {},
  ): Promise<void> {
    nonEmptyString('scheduleId', scheduleId);
    assertDefinition(definition);
    this.#assertHandled(definition);
    const given = { id: scheduleId, definition, payload, repeat, settings };
    await putSchedule(this.server, await newSchedule('repeat', given, this.server.options));
  }

  /** Ends a schedule. Resolves with whether there was one. @throws BACKEND_UNAVAILABLE, INVALID_OPTION */
  async remove(scheduleId: string): Promise<boolean> {
    nonEmptyString('scheduleId', scheduleId);
    return dropSchedule(this.server, scheduleId);
  }

  /** Finds the schedules of the queue, those of other processes as well. @throws BACKEND_UNAVAILABLE */
  list(): Promise<BullMqSchedule[]> {
    return findSchedules(this.server);
  }

  /** Without a handler, tasks would be put aside for good, one each time. @throws UNKNOWN_TASK */
  #assertHandled(definition: TaskDefinition): void {
    const registry = new TaskRegistry();
    registry.explore(this.modules);
    const { name } = definition;
    if (registry.get(name).definition !== definition) throw new UnknownTaskError(name, true);
  }
}
