import type { FlowJob, FlowProducer } from 'bullmq';
import type { NewJob } from './new-job.js';

/** Adds the jobs of a group, all or none: the one that waits comes first. */
export async function addFlow(flows: FlowProducer, [last, ...others]: readonly NewJob[]): Promise<void> {
  // BullMQ's addBulk() for flows ignores what the server answers.
  await flows.add({ ...flowJob(last!), children: others.map(flowJob) });
}

function flowJob({ name, queue, data, opts }: NewJob): FlowJob {
  return { name, queueName: queue, data, opts };
}
