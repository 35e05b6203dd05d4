/** Prints a measured figure, for the documentation to quote. */
export function report(figure: string): void {
  process.stdout.write(`[measured] ${figure}\n`);
}
