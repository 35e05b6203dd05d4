import { HttpException, HttpStatus } from '@nestjs/common';
import { UnavailableError } from '../errors/background-tasks-error.js';
import { isInstance } from '../errors/safely.js';
import type { TaskLog } from '../execution/task-log.js';
import type { Answer } from './nest-drivers.js';

/**
 * Returns the answer to an error that a resource's exit or the backend threw. As in Nest, the client sees the message of
 * an HttpException, and everything else is logged.
 */
export function answerTo(error: unknown, log: TaskLog): Answer {
  const isForClient = isInstance(error, HttpException);
  if (!isForClient) log.exitFailed(error);
  const statusCode = isForClient ? error.getStatus() : isInstance(error, UnavailableError) ? 503 : 500;
  const code = HttpStatus[statusCode] ?? 'INTERNAL_SERVER_ERROR';
  const message = isForClient ? error.message : statusCode === 503 ? 'Service Unavailable' : 'Internal server error';
  return { statusCode, body: { errors: [{ message, extensions: { code } }] } };
}
