import type { NextFunction, Request, Response } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Settings } from '../settings.js';

/**
 * Asks for a name and a password. The board is no controller, so none of Nest's guards stands before it; and whoever sees
 * it can read, retry and delete jobs, so without a password there is none.
 */
export function boardGuard({ boardUser, boardPassword }: Settings) {
  if (boardPassword === undefined) throw new Error('Set BOARD_PASSWORD: the board lets in whoever knows it.');
  const expected = digest(`Basic ${Buffer.from(`${boardUser}:${boardPassword}`).toString('base64')}`);
  return (request: Request, response: Response, next: NextFunction): void => {
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return next();
    response.status(401).set('www-authenticate', 'Basic realm="Queues", charset="UTF-8"').send('Who are you?');
  };
}

/** Of one length, whatever was sent, as the comparison wants it. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
