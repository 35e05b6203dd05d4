/** The figure for every run, or the full one of `npm run test:faults`. */
export function scaled(small: number, full: number): number {
  return process.env['FAULT_SCALE'] === 'full' ? full : small;
}
