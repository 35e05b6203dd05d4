import type { Logger } from '@nestjs/common';

/** Writes a log line. Drops what the logger throws: it would leave a change of state half done, or end the process. */
export function writeLine(logger: Logger, level: 'error' | 'log' | 'warn', line: string): void {
  try {
    logger[level](line);
  } catch {}
}
