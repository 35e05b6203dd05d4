import type { TaskQueue } from './queue-server.js';

/** The queues of BullMQ that this process uses, each made when it is first needed. */
export class TaskQueues {
  readonly #queues = new Map<string, TaskQueue>();

  constructor(private readonly create: (name: string) => TaskQueue) {}

  get(name: string): TaskQueue {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = this.create(name);
    this.#queues.set(name, queue);
    // The server notices the same errors by itself. Without a listener they would end the process.
    queue.on('error', () => undefined);
    return queue;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
  }
}

/**
 * The name of the queue for the tasks of a definition that runs in batches. It is one of their own, because a batch is no
 * larger than what a worker holds, and a slow one must not keep other tasks waiting.
 */
export function queueOfBatches(queueName: string, taskName: string): string {
  return `${queueName}.${taskName}`;
}
