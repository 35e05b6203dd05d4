import type { FlowProducer, QueueEvents } from 'bullmq';
import { strictFlows } from './add-flow.js';
import type { TaskQueue } from './queue-server.js';
import { type JobListener, QueueWatch } from './queue-watch.js';

/** The queues of BullMQ that this process uses, each made when it is first needed. */
export class TaskQueues {
  readonly #queues = new Map<string, TaskQueue>();
  readonly #watches = new Map<string, QueueWatch>();
  #flows: FlowProducer | undefined;

  constructor(
    private readonly create: (name: string) => TaskQueue,
    private readonly createEvents: (name: string) => QueueEvents,
    private readonly createFlows: () => FlowProducer,
  ) {}

  /** Adds jobs that wait for others. */
  get flows(): FlowProducer {
    return (this.#flows ??= strictFlows(this.createFlows()));
  }

  get(name: string): TaskQueue {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = this.create(name);
    this.#queues.set(name, queue);
    // The server notices the same errors by itself. Without a listener they would end the process.
    queue.on('error', () => undefined);
    return queue;
  }

  /** Tells the listener of the jobs of a queue that change, until the returned function is called. */
  watch(name: string, listener: JobListener): () => void {
    const watch = this.#watches.get(name) ?? new QueueWatch(() => this.createEvents(name));
    this.#watches.set(name, watch);
    return watch.add(listener);
  }

  async close(): Promise<void> {
    const all = [...this.#queues.values(), ...this.#watches.values(), ...(this.#flows ? [this.#flows] : [])];
    await Promise.allSettled(all.map((each) => each.close()));
  }
}

/**
 * The name of the queue for the tasks of a definition that runs in batches. It is one of their own, because a batch is no
 * larger than what a worker holds, and a slow one must not keep other tasks waiting.
 */
export function queueOfBatches(queueName: string, taskName: string): string {
  return `${queueName}.${taskName}`;
}
