/**
 * Milliseconds in which further SIGINTs are copies of the first: the terminal sends one to every process of its group,
 * and npm and the Nest CLI pass on theirs.
 */
const COPIES_MS = 1_000;

/**
 * Calls back when SIGINT comes once more, at least a second from now: the user presses Ctrl+C again. Returns the
 * function that stops listening. Nest sends the process its signal again in the end, which has to find no listener.
 * Does nothing where nobody listens to SIGINT: there the first one ends the process.
 */
export function onSecondInterrupt(callback: () => void): () => void {
  if (process.listenerCount('SIGINT') === 0) return () => undefined;
  const begunAt = performance.now();
  const interrupted = () => {
    if (performance.now() - begunAt >= COPIES_MS) callback();
  };
  process.on('SIGINT', interrupted);
  return () => void process.off('SIGINT', interrupted);
}
