/**
 * An open transaction of the caller's own, on the PostgreSQL that holds the queue: a `pg` client after `BEGIN`, or what
 * TypeORM (`EntityManager`, `QueryRunner`), Prisma, Knex, MikroORM (`EntityManager`) or Drizzle give their transactions.
 * For any other library: `{ query: (sql, parameters) => … }`, with `$1` in the SQL.
 */
export type Transaction =
  | { query(sql: string, parameters: string[]): PromiseLike<unknown> }
  | { $queryRawUnsafe(sql: string, ...parameters: string[]): PromiseLike<unknown> }
  | { readonly isTransaction?: boolean; raw(sql: string, parameters: readonly string[]): PromiseLike<unknown> }
  | { isInTransaction(): boolean; execute(sql: string): PromiseLike<unknown> }
  | { rollback(): never; execute(sql: string): PromiseLike<unknown> };
