import type { Logger } from '@nestjs/common';
import { inspect, type InspectOptions } from 'node:util';
import { takesObjectsBesideMessage } from '../nest/application-logger.js';

type Level = 'error' | 'log' | 'warn';

/**
 * Writes a log line. A structured logger gets the facts beside it; as text the line stays as it is, because it says the
 * same. Drops what the logger throws: it would leave a change of state half done, or end the process.
 */
export function writeLine(logger: Logger, level: Level, line: string, facts?: LogFacts): void {
  if (facts && writeFacts(logger, level, line, facts)) return;
  try {
    logger[level](line);
  } catch {}
}

/** Returns whether the logger took it. One of the application's own may take nothing but text. */
function writeFacts(logger: Logger, level: Level, line: string, facts: LogFacts): boolean {
  try {
    if (takesObjectsBesideMessage()) logger[level](line, { ...facts, [inspect.custom]: hidden(facts) });
    else logger[level](new LogRecord(line, facts));
    return true;
  } catch {
    return false;
  }
}

/** Members of a log record, such as `task`. They hold names, ids and numbers, never arguments. */
export type LogFacts = Readonly<Record<string, object>>;

/** Shows nothing behind a line of text, and everything within an object, such as a record of JSON in colours. */
function hidden(facts: LogFacts) {
  return (depth: number, options: InspectOptions) => (depth === options.depth ? '' : facts);
}

/** A line with its facts, for a logger that takes an object as the message: pino reads `msg`, winston `message`. */
class LogRecord {
  constructor(
    readonly msg: string,
    facts: LogFacts,
  ) {
    Object.assign(this, facts);
  }

  get message(): string {
    return this.msg;
  }

  toString(): string {
    return this.msg;
  }

  [inspect.custom](): string {
    return this.msg;
  }
}
