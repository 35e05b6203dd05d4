/** Takes the trace of the code that enqueues a named task to where the task runs. */
export interface TracePropagation {
  /** Returns the headers that name the active trace; `undefined` if there is none. They travel with the task. */
  inject(): Readonly<Record<string, string>> | undefined;
  /** Calls `work` as part of the trace that the headers name, and returns what it returns. */
  extract<T>(headers: Readonly<Record<string, string>>, work: () => T): T;
}
