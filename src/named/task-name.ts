/**
 * Whether a task can have that name. Names of `Object.prototype` members are refused, however a backend may look them
 * up.
 */
export function isTaskName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9][a-z0-9._-]{0,127}$/.test(value) && !(value in Object.prototype);
}
