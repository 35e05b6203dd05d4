import { MikroORM } from '@mikro-orm/postgresql';
import { drizzle } from 'drizzle-orm/node-postgres';
import createKnex from 'knex';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { onTestFinished } from 'vitest';
import type { Transaction } from '../../src/index.js';

/** A library that applications use for their transactions, with a connection of its own. */
export interface TransactionLibrary {
  readonly name: string;
  /** Connects until the test ends. */
  open(url: string): Promise<OpenLibrary>;
}

export interface OpenLibrary {
  /** Runs the work in a transaction, as the library's documentation says. What the work throws rolls it back. */
  readonly within: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
  /** What somebody may give by mistake, because it looks alike: no transaction is open on it. */
  readonly outside: readonly unknown[];
}

export const libraries: readonly TransactionLibrary[] = [
  {
    name: 'pg',
    async open(connectionString) {
      const pool = new pg.Pool({ connectionString });
      const idle = await pool.connect();
      onTestFinished(async () => {
        idle.release();
        await pool.end();
      });
      return { within: (work) => withinPg(pool, work), outside: [pool, idle] };
    },
  },
  {
    name: 'an EntityManager of TypeORM',
    async open(url) {
      const source = await openTypeOrm(url);
      return { within: (work) => source.transaction(work), outside: [source, source.manager] };
    },
  },
  {
    name: 'a QueryRunner of TypeORM',
    async open(url) {
      const source = await openTypeOrm(url);
      const idle = source.createQueryRunner();
      const within = async <T>(work: (transaction: Transaction) => Promise<T>) => {
        const runner = source.createQueryRunner();
        await runner.startTransaction();
        try {
          const result = await work(runner);
          await runner.commitTransaction();
          return result;
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        } finally {
          await runner.release();
        }
      };
      return { within, outside: [idle] };
    },
  },
  {
    name: 'Drizzle',
    open(connectionString) {
      const pool = new pg.Pool({ connectionString });
      onTestFinished(() => pool.end());
      const db = drizzle(pool);
      return Promise.resolve({ within: (work) => db.transaction(work), outside: [db] });
    },
  },
  {
    name: 'Knex',
    open(connection) {
      const knex = createKnex({ client: 'pg', connection });
      onTestFinished(() => knex.destroy());
      return Promise.resolve({ within: (work) => knex.transaction(work), outside: [knex] });
    },
  },
  {
    name: 'MikroORM',
    async open(clientUrl) {
      const orm = await MikroORM.init({ clientUrl, entities: [], discovery: { warnWhenNoEntities: false } });
      onTestFinished(() => orm.close());
      return { within: (work) => orm.em.fork().transactional(work), outside: [orm.em.fork()] };
    },
  },
  {
    // Its engine is a download, so this has no more of it than the method.
    name: 'an object with the method of Prisma',
    open(connectionString) {
      const pool = new pg.Pool({ connectionString });
      onTestFinished(() => pool.end());
      const prismaOf = (client: Pick<pg.PoolClient, 'query'>) => ({
        $queryRawUnsafe: async (sql: string, ...values: unknown[]) => (await client.query(sql, values)).rows as unknown,
      });
      return Promise.resolve({
        within: (work) => withinPg(pool, (client) => work(prismaOf(client))),
        outside: [{ ...prismaOf(pool), $connect: () => undefined }],
      });
    },
  },
  {
    name: 'an object of the application',
    open(connectionString) {
      const pool = new pg.Pool({ connectionString });
      onTestFinished(() => pool.end());
      const queryOf = (client: pg.PoolClient) => ({
        query: (sql: string, parameters: string[]) => client.query(sql, parameters),
      });
      return Promise.resolve({ within: (work) => withinPg(pool, (client) => work(queryOf(client))), outside: [{}] });
    },
  },
];

/** Runs the work on one connection of a pool, between `begin` and `COMMIT` or `ROLLBACK`. */
export async function withinPg<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'BEGIN',
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

async function openTypeOrm(url: string): Promise<DataSource> {
  const source = await new DataSource({ type: 'postgres', url }).initialize();
  onTestFinished(() => source.destroy());
  return source;
}
