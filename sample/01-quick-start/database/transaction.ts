import { provideResource } from 'nestjs-background-tasks';
import { EntityManager } from 'typeorm';
import { Timeline } from '../timeline/timeline.js';
import { DbSession } from './db-session.js';

/** The handler's transaction, on the session of the request. */
export abstract class Transaction extends EntityManager {}

/**
 * Commits before the first byte is sent, so that a client who reads 201 finds the rows, and a
 * commit that fails is answered with an error. What tasks write comes after that promise and must
 * not undo it: it uses the session, outside this transaction, and is committed on its own.
 */
export const transaction = provideResource({
  provide: Transaction,
  inject: [DbSession, Timeline],
  release: 'before-response',
  async *useFactory({ id, runner }: DbSession, timeline: Timeline) {
    await runner.startTransaction();
    try {
      yield runner.manager;
      await runner.commitTransaction();
      timeline.note('handler', `Transaction of session ${id} committed`);
    } catch (error) {
      await runner.rollbackTransaction();
      timeline.note('handler', `Transaction of session ${id} rolled back`);
      throw error;
    }
  },
});
