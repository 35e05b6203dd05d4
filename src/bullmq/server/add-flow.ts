import type { FlowJob, FlowProducer } from 'bullmq';
import type { NewJob } from './new-job.js';

/** Adds the jobs of a group, all or none: the one that waits comes first. */
export async function addFlow(flows: FlowProducer, [last, ...others]: readonly NewJob[]): Promise<void> {
  // BullMQ's addBulk() for flows ignores what the server answers.
  await flows.add({ ...flowJob(last!), children: others.map(flowJob) });
}

/**
 * Has a producer reject if the server refuses any job. BullMQ looks at the answer for the first one only, and a group
 * without some of its parts would seem to be complete.
 */
export function strictFlows(flows: FlowProducer): FlowProducer {
  const backend = flows.getBackend();
  const add = backend.addFlow.bind(backend);
  backend.addFlow = async (entries) => {
    const answers = await add(entries);
    const refused = answers?.find(([error, answer]) => error !== null || typeof answer === 'number');
    if (refused) throw refused[0] ?? new Error(`BullMQ answered ${refused[1]}`);
    return answers;
  };
  return flows;
}

function flowJob({ name, queue, data, opts }: NewJob): FlowJob {
  return { name, queueName: queue, data, opts };
}
