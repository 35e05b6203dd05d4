import { ConsoleLogger, Logger, type LoggerService } from '@nestjs/common';
import { isInstance } from '../errors/safely.js';

/**
 * Whether the logger of the application takes plain objects behind a message, as the ConsoleLogger of Nest does, and the
 * NativeLogger of nestjs-pino. Others, such as the Logger of nestjs-pino, drop them, and take an object for a message.
 */
export function takesObjectsBesideMessage(): boolean {
  const logger = ApplicationLogger.current;
  return isInstance(logger, ConsoleLogger) || isInstance(logger, Logger) || (!!logger && 'structuredParams' in logger);
}

/** Reads the logger that every `Logger` of Nest writes to; `undefined` where logging is off. */
class ApplicationLogger extends Logger {
  static get current(): LoggerService | undefined {
    return this.staticInstanceRef;
  }
}
