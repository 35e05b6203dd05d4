import type { Transaction } from '../../contracts/transaction.js';
import { describeKind } from '../../errors/describe-value.js';
import { InvalidOptionError } from '../../errors/errors.js';
import { safely } from '../../errors/safely.js';

/** Runs a statement with one parameter, `$1`, which is text. */
export type TransactionQuery = (sql: string, parameter: string) => PromiseLike<unknown>;

/**
 * Finds how a transaction runs a statement. @throws INVALID_OPTION, for what is no transaction, or can be seen to be
 * outside one: its tasks would be committed at once.
 */
export function queryOf(transaction: Transaction): TransactionQuery {
  const query = safely(() => findQuery(transaction as Candidate), undefined);
  if (query) return query;
  throw new InvalidOptionError(
    'transaction',
    transaction,
    query === OUTSIDE
      ? 'It is open no transaction now, so that nothing could be rolled back. Give what the library gives to the ' +
          'function of its transaction, or a pg client after BEGIN.'
      : 'Give a pg client, the transaction of TypeORM, Prisma, Knex, MikroORM or Drizzle, or an object with ' +
          'query(sql, parameters).',
    describeKind(transaction),
  );
}

/** Stands for a connection that has no open transaction. */
const OUTSIDE = null;

function findQuery(given: Candidate): TransactionQuery | undefined | typeof OUTSIDE {
  if (isFunction(given.$queryRawUnsafe)) {
    return '$connect' in given ? OUTSIDE : (sql, parameter) => given.$queryRawUnsafe!(sql, parameter);
  }
  // A transaction of Knex has a `query` as well, which is something else.
  if (isFunction(given.raw)) {
    return given.isTransaction === true ? (sql, parameter) => given.raw!(sql.replace('$1', '?'), [parameter]) : OUTSIDE;
  }
  if (isFunction(given.query)) {
    return isOutside(given) ? OUTSIDE : (sql, parameter) => given.query!(sql, [parameter]);
  }
  if (!isFunction(given.execute)) return undefined;
  const isOpen = isFunction(given.isInTransaction) ? given.isInTransaction() === true : isFunction(given.rollback);
  return isOpen ? (sql, parameter) => given.execute!(sql.replace('$1', asText(parameter))) : OUTSIDE;
}

/** Whether a pool, a client or TypeORM says that no transaction is open. */
function isOutside(given: Candidate): boolean {
  if (typeof given.idleCount === 'number' && isFunction(given.connect)) return true;
  if (isFunction(given.getTransactionStatus)) return given.getTransactionStatus() === 'I';
  if (isFunction(given.getRepository)) return given.queryRunner?.isTransactionActive !== true;
  return given.isTransactionActive === false;
}

/** Writes text where a library takes no parameters, in characters that none of them can misread. */
function asText(value: string): string {
  return `convert_from(decode('${Buffer.from(value).toString('base64')}', 'base64'), 'UTF8')`;
}

function isFunction(value: unknown): value is (...args: never[]) => unknown {
  return typeof value === 'function';
}

/** The members that tell one library from another. */
interface Candidate {
  readonly query?: (sql: string, parameters: string[]) => PromiseLike<unknown>;
  readonly raw?: (sql: string, parameters: string[]) => PromiseLike<unknown>;
  readonly execute?: (sql: string) => PromiseLike<unknown>;
  readonly $queryRawUnsafe?: (sql: string, parameter: string) => PromiseLike<unknown>;
  readonly isInTransaction?: () => unknown;
  readonly getTransactionStatus?: () => unknown;
  readonly rollback?: unknown;
  readonly connect?: unknown;
  readonly idleCount?: unknown;
  readonly getRepository?: unknown;
  readonly isTransaction?: unknown;
  readonly isTransactionActive?: unknown;
  readonly queryRunner?: { readonly isTransactionActive?: unknown };
}
