import type { ResolvedModuleOptions } from '../options/module-options.js';
import { InFlight } from './in-flight.js';
import { Room } from './room.js';
import { RunSlots } from './run-slots.js';
import { TaskLog } from './task-log.js';

/** What the task queues of all requests share: the limits of the process, the counts and the log. */
export class TaskEngine {
  readonly log = new TaskLog();
  readonly inFlight: InFlight;
  readonly room: Room;
  readonly slots: RunSlots;
  /** For what runs within a task, which has a slot: to wait for another would be to wait for itself. */
  readonly innerSlots = new RunSlots(Infinity);
  /** Set when the signals abort, shortly before the shutdown deadline: what fails from then on may not be its own fault. */
  isStopping = false;
  /** Set at the shutdown deadline: from then on no task starts, in any request. */
  isPastDeadline = false;

  constructor(readonly options: ResolvedModuleOptions) {
    this.inFlight = new InFlight(options.observers, this.log, process.env.NODE_ENV !== 'production');
    this.room = new Room(options.maxPending);
    this.slots = new RunSlots(options.maxRunning);
  }
}
