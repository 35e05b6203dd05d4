import type { ResourceRecord, TaskRecord } from '../src/inspector/records.js';
import { duration, reasonText } from './format.js';
import type { Line } from './spans.js';

/** Says what there is to know of a task at a glance. */
export function taskWords(task: TaskRecord, runMs: number, end: number, now: number, line: Line | undefined): string {
  const { state, attempts, reason, acceptedAt } = task;
  const after = line && end > line.at ? `, done ${duration(end - line.at)} after the ${line.name}` : '';
  const tries = attempts.length > 1 ? ` in ${attempts.length} attempts` : '';
  switch (state) {
    case 'waiting':
      return `waits for ${duration(now - (acceptedAt ?? now))}`;
    case 'running':
      return `runs for ${duration(now - (attempts.at(-1)?.startedAt ?? now))}${tries && `, attempt ${attempts.length}`}`;
    case 'retrying':
      return `waits ${duration(attempts.at(-1)?.delayMs ?? 0)} for attempt ${attempts.length + 1}`;
    case 'enqueued':
      return 'enqueued: the backend has it';
    case 'succeeded':
      return `ran ${duration(runMs)}${tries}${after}`;
    case 'failed':
    case 'timed-out':
      return `${state === 'failed' ? 'failed' : 'timed out'}${tries} after ${duration(runMs)}${task.isRetried ? ', the backend tries again' : ''}`;
    case 'skipped':
    case 'discarded':
    case 'cancelled':
    case 'abandoned':
      return reason ? reasonText(reason) : '';
  }
}

/** Says for how long a resource was held, above all after the response. */
export function resourceWords(resource: ResourceRecord, end: number, isOpen: boolean, line: Line | undefined): string {
  const { acquireError, releaseError, acquiredAt } = resource;
  if (acquireError || acquiredAt === undefined) return `could not be acquired: ${acquireError?.name ?? 'no value'}`;
  const failed = releaseError ? ', and its release failed' : '';
  const held = `${isOpen ? 'held for' : 'held'} ${duration(end - acquiredAt)}`;
  if (!line) return `${held}${failed}`;
  if (end <= line.at) return `released ${duration(line.at - end)} before the ${line.name}${failed}`;
  return `${isOpen ? 'still held,' : 'held'} ${duration(end - line.at)} after the ${line.name}${failed}`;
}
