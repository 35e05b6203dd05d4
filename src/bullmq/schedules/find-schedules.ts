import { askServer } from '../server/ask-server.js';
import type { QueueServer } from '../server/queue-server.js';

/** A schedule as the server has it. */
export interface BullMqSchedule {
  readonly id: string;
  /** The name of its tasks. */
  readonly name: string;
  /** Its times, as in a crontab. */
  readonly pattern?: string;
  /** The time zone of the pattern. Absent: that of the process which set it last. */
  readonly tz?: string;
  /** Milliseconds from one task to the next. */
  readonly every?: number;
  /** The moment of its next task, in milliseconds since 1970. */
  readonly nextAt?: number;
}

/** Finds the schedules of the queue, the one that is due next first. @throws BACKEND_UNAVAILABLE */
export async function findSchedules(server: QueueServer): Promise<BullMqSchedule[]> {
  const found = await askServer(server, 'Schedules', 'listed', () => server.queue.getJobSchedulers(0, -1, true));
  return found.map(({ key, name, pattern, tz, every, next }) => ({
    id: key,
    name,
    ...(pattern && { pattern }),
    ...(tz && { tz }),
    ...(every && { every }),
    ...(next && { nextAt: next }),
  }));
}
