/** Returns the moment as events tell it: epoch milliseconds, on the clock that never goes back. */
export function epochMs(now = performance.now()): number {
  return performance.timeOrigin + now;
}
