import { randomUUID } from 'node:crypto';
import { provideResource } from 'nestjs-background-tasks';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { Timeline } from '../timeline/timeline.js';
import { SessionTurns } from './session-turns.js';

/** One connection to the database. A request has at most one, from its handler to the end of its tasks. */
export class DbSession {
  readonly id = randomUUID().slice(0, 8);

  constructor(readonly runner: QueryRunner) {}

  get manager(): EntityManager {
    return this.runner.manager;
  }
}

export const dbSession = provideResource({
  provide: DbSession,
  inject: [DataSource, SessionTurns, Timeline],
  async *useFactory(dataSource: DataSource, turns: SessionTurns, timeline: Timeline) {
    const endTurn = await turns.take();
    const session = new DbSession(dataSource.createQueryRunner());
    try {
      await session.runner.connect();
      timeline.note('handler', `Session ${session.id} opened`);
      yield session;
    } finally {
      await session.runner.release();
      timeline.note('disposal', `Session ${session.id} released`);
      endTurn();
    }
  },
});
