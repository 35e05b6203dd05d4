import type { TaskEventName, TaskEvents } from './task-events.js';

/**
 * Watches tasks from outside: metrics, traces, tests. It has a method for each event that it wants to be told of, which
 * must return at once. One that throws, or whose promise rejects, is logged once and disturbs nothing.
 */
export type TaskObserver = { readonly [Name in TaskEventName]?: (event: TaskEvents[Name]) => void };
