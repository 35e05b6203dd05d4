import type { BullMqTasks } from '../bullmq-tasks.js';
import { findSchedules } from '../schedules/find-schedules.js';
import { dropSchedule } from '../schedules/put-schedule.js';
import type { QueueServer } from '../server/queue-server.js';
import type { CommandName, Values } from './read-arguments.js';
import { tableOf } from './table.js';

/** The commands that need a connection. `BullMqTasks` checks what they are given, and throws. */
export const commands: Readonly<Record<Exclude<CommandName, 'migrate'>, (given: Given) => Promise<Answer>>> = {
  async list({ tasks, values: { state, name, limit, offset } }) {
    const page = { limit: limit && Number(limit), offset: offset && Number(offset) };
    const rows = await tasks.list({ state, name, ...page } as never);
    const shown = rows.map(({ id, name: task, state: is, attempts, enqueuedAt, endedAt, error }) => ({
      id,
      name: task,
      state: is,
      attempts,
      enqueued: new Date(enqueuedAt),
      ended: endedAt && new Date(endedAt),
      error: error?.message,
    }));
    return { text: tableOf(shown, 'No tasks.'), json: rows };
  },

  async counts({ tasks }) {
    const counts = await tasks.counts();
    return { text: tableOf([counts], ''), json: counts };
  },

  async retry({ tasks, id, values: { name } }) {
    const retried = await tasks.retry(id ?? ({ name } as never));
    return { text: `${retried} task(s) enqueued again.`, json: { retried }, isFailure: id !== undefined && !retried };
  },

  async discard({ tasks, id, values: { state, name } }) {
    const discarded = await tasks.discard(id ?? ({ state, name } as never));
    return { text: `${discarded} task(s) removed.`, json: { discarded }, isFailure: id !== undefined && !discarded };
  },

  async schedules({ server }) {
    const schedules = await findSchedules(server);
    const rows = schedules.map(({ id, name, pattern, tz, every, nextAt }) => ({
      id,
      name,
      times: pattern ?? `every ${every} ms`,
      tz,
      next: nextAt && new Date(nextAt),
    }));
    return { text: tableOf(rows, 'No schedules.'), json: schedules };
  },

  async 'remove-schedule'({ server, id }) {
    const removed = await dropSchedule(server, id!);
    return { text: removed ? 'The schedule has ended.' : 'No such schedule.', json: { removed }, isFailure: !removed };
  },
};

/** The result of a command. */
export interface Answer {
  readonly text: string;
  readonly json: unknown;
  /** Whether the one thing that was named is not there. */
  readonly isFailure?: boolean;
}

interface Given {
  readonly server: QueueServer;
  readonly tasks: BullMqTasks;
  readonly id: string | undefined;
  readonly values: Values;
}
