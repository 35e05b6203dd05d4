import type { Redis, RedisOptions } from 'ioredis';
import { describeKind } from '../../errors/describe-value.js';
import { InvalidOptionError } from '../../errors/errors.js';
import type { Check } from '../../options/checks.js';
import { failureReason } from '../server/failure-reason.js';

// ioredis and pg check an address when a client is made, at start-up: see `readAddress`. These rules find what a client
// misreads, or refuses only when it connects. No message shows a value: it may be a password.

/** A scheme, the path of a socket, or a host and a port. In lower case: ioredis takes `REDISS:` for one without TLS. */
const REDIS_ADDRESS = /^(rediss?:\/\/|\/[^/]|[\w.-]+(:\d+)?$)/;
const POSTGRES_URL = /^postgres(ql)?:\/\//i;

/** No URL: the error of an unknown host would show its password. */
const HOST = /^[^\s/@]+$/;

/** The address of a Redis. */
export const connectionRule: Check<string | RedisOptions | Redis> = (option, value) => {
  if (typeof value === 'string' && REDIS_ADDRESS.test(value)) return value;
  if (typeof value !== 'object' || value === null) throw wrong(option, value, EXAMPLES.connection);
  const given = value as Client;
  if (given.isCluster === true)
    throw wrong(option, value, 'BullMQ keeps a queue on one Redis: give a client of that one.');
  const { host, port, keyPrefix } = typeof given.duplicate === 'function' ? (given.options ?? {}) : given;
  if (keyPrefix) throw wrong(`${option}.keyPrefix`, keyPrefix, 'BullMQ refuses it: say it in "prefix".');
  if (host !== undefined && !(typeof host === 'string' && HOST.test(host))) {
    throw wrong(`${option}.host`, host, 'Give the name or the address of a host.');
  }
  if (port !== undefined && !isPort(port)) throw wrong(`${option}.port`, port, 'Give a number from 0 to 65535.');
  return value;
};

/** The address of a PostgreSQL. */
export const postgresRule: Check<string> = (option, value) => {
  if (typeof value === 'string' && POSTGRES_URL.test(value)) return value;
  throw wrong(option, value, EXAMPLES.postgres);
};

/** Makes a client, which checks its address. @throws INVALID_OPTION, without a cause, which may hold the address */
export function readAddress<T>(option: 'connection' | 'postgres', makeClient: () => T): T {
  try {
    return makeClient();
  } catch (error) {
    throw wrong(option, '', `${EXAMPLES[option]} The client refuses it: ${failureReason(error)}.`);
  }
}

const EXAMPLES = {
  connection: 'Give a URL, such as redis://host:6379 or rediss://user:password@host, or the path of a socket.',
  postgres: 'Give a URL, such as postgresql://user@host:5432/db.',
};

/** The options of a client, or a client. */
type Client = RedisOptions & Partial<Pick<Redis, 'isCluster' | 'duplicate' | 'options'>>;

function isPort(port: unknown): boolean {
  // ioredis also takes a string, which is what the environment gives.
  const isGiven = typeof port === 'number' || (typeof port === 'string' && port !== '');
  return isGiven && Number.isInteger(Number(port)) && Number(port) >= 0 && Number(port) <= 65_535;
}

function wrong(option: string, value: unknown, fix: string): InvalidOptionError {
  return new InvalidOptionError(option, value, fix, describeKind(value));
}
