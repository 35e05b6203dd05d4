import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Resolves when the process has ended: with `close`, when it has also said all that it had to say. */
export async function exitOf(child: ChildProcess, event: 'exit' | 'close'): Promise<Exit> {
  const [code, signal] = (await once(child, event)) as [Exit['code'], Exit['signal']];
  return { code, signal };
}
