/** What a task can be called: nothing that an object has from birth, however a backend may look it up. */
export function isTaskName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9][a-z0-9._-]{0,127}$/.test(value) && !(value in Object.prototype);
}
