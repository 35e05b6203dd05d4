import type { ErrorRecord, ScopeRecord, TaskRecord } from '../src/inspector/records.js';

/** Returns a duration in words that are as short as they are exact. */
export function duration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < 0.05) return '0 ms';
  if (value < 9.95) return `${value.toFixed(1)} ms`;
  if (value < 999.5) return `${Math.round(value)} ms`;
  if (value < 9_995) return `${(value / 1_000).toFixed(2)} s`;
  if (value < 59_950) return `${(value / 1_000).toFixed(1)} s`;
  const seconds = Math.round(value / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** Returns the time of day of a moment, with milliseconds. */
export function timeOfDay(at: number): string {
  const date = new Date(at);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits);
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** Returns what stands before the name of a scope: the method of a request, else the kind of work. */
export function kindOf({ kind, method }: ScopeRecord): string {
  const kinds = { http: method ?? 'HTTP', graphql: 'GraphQL', rpc: 'RPC', ws: 'WS', unit: 'Unit', task: 'Task' };
  return kinds[kind];
}

/** Returns the name of a scope without its kind. */
export function nameOf({ description, kind, method }: ScopeRecord): string {
  if (method && description.startsWith(`${method} `)) return description.slice(method.length + 1);
  return kind === 'task' ? description.replace(/^task "(.*)"$/, '$1') : description;
}

const REASONS: Readonly<Record<NonNullable<TaskRecord['reason']>, string>> = {
  'request-failed': 'the request failed, and it is for a success',
  'request-succeeded': 'the request succeeded, and it is for a failure',
  'client-left': 'the client left first',
  deduplicated: 'another task has its name or key',
  'parent-failed': 'the task that enqueued it did not succeed',
  'earlier-task-failed': 'an earlier task failed',
  cancelled: 'cancel() was called',
  'hand-over-failed': 'the backend did not confirm it',
  deadline: 'the application shut down first',
};

export function reasonText(reason: NonNullable<TaskRecord['reason']>): string {
  return REASONS[reason];
}

/** Returns a line of a stack with the last two parts of its path, which are enough to know it by. */
export function shortPlace(line: string): string {
  return line.replace(/(?:file:\/\/)?(?:[A-Za-z]:)?[\\/][^()\s]*?([^\\/()]+[\\/][^\\/()]+:\d+:\d+)/, '$1');
}

/** Whether a line of a stack is of a package, or of Node. */
export function isOfPackage(line: string): boolean {
  return /node_modules|\(node:|at node:/.test(line);
}

/** Returns an error as a log would print it. */
export function errorText({ name, message, stack, cause }: ErrorRecord): string {
  const own = [`${name}: ${message}`, ...stack.map((line) => `    ${line}`)].join('\n');
  return cause ? `${own}\n[cause] ${errorText(cause)}` : own;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
