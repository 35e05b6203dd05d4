import type { Redis, RedisOptions } from 'ioredis';
import { describeKind } from '../../errors/describe-value.js';
import { InvalidOptionError } from '../../errors/errors.js';
import { type Check, group } from '../../options/checks.js';

/** In lower case: ioredis would take `REDISS:` for one without TLS. */
const REDIS_URL = /^rediss?:\/\//;
const SOCKET_PATH = /^\/[^/]/;
const HOST_AND_PORT = /^[\w.-]+(:\d+)?$/;
const POSTGRES_URL = /^postgres(ql)?:\/\//i;

/** A URL given as a host would be shown with its password when it is not found. */
const HOST = /^[^\s/@]+$/;

/** Where a Redis is. What is given may hold a password, so it is never shown. */
export const connectionRule: Check<string | RedisOptions | Redis> = (option, value) => {
  if (typeof value === 'string') {
    if (isRedisAddress(value)) return value;
    throw wrong(
      option,
      value,
      'Give a URL, such as redis://host:6379 or rediss://user:password@host, or the path of a socket.',
    );
  }
  const given: Client = group(option, value);
  if (given.isCluster === true)
    throw wrong(option, value, 'BullMQ keeps a queue on one Redis: give a client of that one.');
  const { host, port, keyPrefix } = typeof given.duplicate === 'function' ? (given.options ?? {}) : given;
  if (keyPrefix) throw wrong(`${option}.keyPrefix`, keyPrefix, 'BullMQ refuses it: say it in "prefix".');
  if (host !== undefined && !(typeof host === 'string' && HOST.test(host))) {
    throw wrong(`${option}.host`, host, 'Give the name or the address of a host.');
  }
  if (port !== undefined && !isPort(port)) throw wrong(`${option}.port`, port, 'Give a number from 0 to 65535.');
  return value as RedisOptions | Redis;
};

/** Where a PostgreSQL is; never shown either. */
export const postgresRule: Check<string> = (option, value) => {
  // pg takes a user without a host, for a socket.
  if (typeof value === 'string' && POSTGRES_URL.test(value) && URL.canParse(value.replace('@/', '@host/')))
    return value;
  throw wrong(option, value, 'Give a URL, such as postgresql://user@host:5432/db.');
};

/** Anything that may be the options of a client, or one. */
interface Client {
  readonly isCluster?: unknown;
  readonly duplicate?: unknown;
  readonly options?: Client;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly keyPrefix?: unknown;
}

function isRedisAddress(value: string): boolean {
  if (SOCKET_PATH.test(value)) return true;
  if (HOST_AND_PORT.test(value)) return URL.canParse(`redis://${value}`);
  return REDIS_URL.test(value) && URL.canParse(value) && isDecodable(new URL(value));
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

function isPort(port: unknown): boolean {
  // From the environment it is a string, and ioredis takes it.
  const isGiven = typeof port === 'number' || (typeof port === 'string' && port !== '');
  return isGiven && Number.isInteger(Number(port)) && Number(port) >= 0 && Number(port) <= 65_535;
}

function wrong(option: string, value: unknown, fix: string): InvalidOptionError {
  return new InvalidOptionError(option, value, fix, describeKind(value));
}
