/**
 * A named task on its way from where it was enqueued to where it runs. Plain JSON, so that every backend can carry it.
 */
export interface TaskEnvelope {
  /** The version of this shape. A worker that does not know it leaves the task to one that does. */
  readonly v: 1;
  /** The name of the task's definition. */
  readonly name: string;
  /** Unique to the task, in every process it passes through. */
  readonly id: string;
  /** The payload that `enqueue` was given. */
  readonly payload: JsonValue;
  /** Data that travel with it. */
  readonly context: TaskEnvelopeContext;
}

/** Data of the request that enqueued a task, for where the task runs. */
export interface TaskEnvelopeContext {
  /** The trace, as W3C headers. */
  readonly trace?: Readonly<Record<string, string>>;
  /** Milliseconds that an attempt may take, where `enqueue` was told otherwise than the definition says. */
  readonly timeoutMs?: number;
  /** The tasks that it waited for, if it is the last of a group. */
  readonly group?: readonly GroupMember[];
  /** Result of the `captureContext` option, or the `context` of `TaskScopes.run()`. */
  readonly captured?: JsonValue;
}

/** A task that another one waits for. */
export interface GroupMember {
  readonly id: string;
  readonly name: string;
}

/** A value of strict JSON, such as a payload. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };
