import type { ScopeRecord, TaskRecord } from '../src/inspector/records.js';

/** How something is going. Each has a colour, and the word beside it says the same. */
export type Tone = 'good' | 'bad' | 'busy' | 'waiting' | 'quiet';

export function toneOf(state: TaskRecord['state']): Tone {
  switch (state) {
    case 'succeeded':
    case 'enqueued':
      return 'good';
    case 'failed':
    case 'timed-out':
    case 'abandoned':
      return 'bad';
    case 'running':
    case 'retrying':
      return 'busy';
    case 'waiting':
      return 'waiting';
    case 'skipped':
    case 'discarded':
    case 'cancelled':
      return 'quiet';
  }
}

/** Whether something went wrong in a scope that somebody has to look at. A 404 is not that. */
export function hasFailed(scope: ScopeRecord): boolean {
  const { response, handlerError, tasks, resources, handOvers, job } = scope;
  if (response?.statusCode !== undefined ? response.statusCode >= 500 : handlerError !== undefined) return true;
  return (
    tasks.some(({ state }) => toneOf(state) === 'bad') ||
    resources.some(({ acquireError, releaseError }) => acquireError ?? releaseError) ||
    handOvers.some(({ error }) => error) ||
    (job !== undefined && toneOf(job.state) === 'bad')
  );
}

/** Whether somebody waits for an answer: a unit of work and a job have none. */
export function hasClient({ kind }: ScopeRecord): boolean {
  return kind !== 'unit' && kind !== 'task';
}

export function isOpen(scope: ScopeRecord): boolean {
  return scope.closedAt === undefined;
}

/** Returns the word for how a scope is going. */
export function stateOf(scope: ScopeRecord): string {
  if (isOpen(scope)) return scope.response ? 'working' : 'open';
  if (hasFailed(scope)) return 'failed';
  if (scope.response?.aborted) return 'client left';
  return scope.hasSucceeded === false ? 'refused' : 'done';
}
