import { provideResource } from 'nestjs-background-tasks';
import { DataSource, EntityManager } from 'typeorm';

/** The transaction of a request. What the request enqueues is inserted in it, just before it commits. */
export abstract class Transaction extends EntityManager {}

export const transaction = provideResource({
  provide: Transaction,
  inject: [DataSource],
  release: 'before-response',
  transaction: (manager) => manager,
  async *useFactory(dataSource: DataSource) {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      yield runner.manager;
      await runner.commitTransaction();
    } catch (error) {
      await runner.rollbackTransaction();
      throw error;
    } finally {
      await runner.release();
    }
  },
});
