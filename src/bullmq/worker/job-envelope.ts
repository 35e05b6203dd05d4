import type { TaskEnvelope } from '../../contracts/task-envelope.js';
import { describeKind } from '../../errors/describe-value.js';
import { isTaskName } from '../../named/define-task.js';
import { MAX_TIMER_MS } from '../../options/checks.js';

/** Reads the data of a job, which anybody who can write to the server may have put there. */
export function readEnvelope(data: unknown): JobContent {
  if (!isRecord(data)) return malformed(`its data are ${describeKind(data)}`);
  const { v, name } = data;
  if (!Number.isSafeInteger(v) || (v as number) < VERSION) return malformed('"v" is no version');
  if (!isTaskName(name)) return malformed('"name" is no name of a task');
  if ((v as number) > VERSION) return { kind: 'newer', name, version: v as number };
  const { cancelled, ...envelope } = data;
  if (cancelled === true) return { kind: 'cancelled' };
  const problem = problemOf(envelope);
  return problem === undefined ? { kind: 'task', envelope: envelope as unknown as TaskEnvelope } : malformed(problem);
}

/** The content of a job: a task, one that was cancelled, a task of a later version, or something else. */
type JobContent =
  | { readonly kind: 'task'; readonly envelope: TaskEnvelope }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'newer'; readonly name: string; readonly version: number }
  | { readonly kind: 'malformed'; readonly problem: string };

function problemOf(data: Record<string, unknown>): string | undefined {
  if (Object.keys(data).some((key) => !MEMBERS.has(key))) return 'it has members that no task has';
  if (typeof data['id'] !== 'string' || !PRINTABLE_ID.test(data['id'])) return '"id" is no id';
  if (!Object.hasOwn(data, 'payload')) return 'it has no "payload"';
  const { context } = data;
  if (!isRecord(context)) return '"context" is no object';
  const { trace, timeoutMs, group } = context;
  if (group !== undefined && !(Array.isArray(group) && group.every(isGroupMember)))
    return '"context.group" is no list of tasks';
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= MAX_TIMER_MS))
    return '"context.timeoutMs" is no time';
  if (trace !== undefined && !(isRecord(trace) && Object.values(trace).every((header) => typeof header === 'string'))) {
    return '"context.trace" holds more than headers';
  }
  // JSON.parse() makes it an ordinary member, and a copy of the payload makes it a prototype.
  return hasProtoMember(data) ? 'it has a member "__proto__"' : undefined;
}

function isGroupMember(value: unknown): boolean {
  return (
    isRecord(value) && isTaskName(value['name']) && typeof value['id'] === 'string' && PRINTABLE_ID.test(value['id'])
  );
}

function hasProtoMember(data: object): boolean {
  // A list and no recursion, because data may be nested ten thousand levels deep.
  const open: object[] = [data];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (Object.hasOwn(value, '__proto__')) return true;
    for (const member of Object.values(value))
      if (typeof member === 'object' && member !== null) open.push(member as object);
  }
  return false;
}

function malformed(problem: string): JobContent {
  return { kind: 'malformed', problem };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The version of an envelope that this worker reads. */
export const VERSION = 1;
/** An id that lines of a log can show. */
const PRINTABLE_ID = /^[\x20-\x7e]{1,128}$/;
const MEMBERS = new Set(['v', 'name', 'id', 'payload', 'context']);
