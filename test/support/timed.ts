/** How long the work took, and what it threw, if anything. */
export async function timed(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly error: unknown }> {
  const from = performance.now();
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { ms: performance.now() - from, error };
}
