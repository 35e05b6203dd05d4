import { Redis, type RedisOptions } from 'ioredis';

const reconnecting = {
  // Each of our commands has a limit of its own, and a second timer is not cheap.
  commandTimeout: undefined,
  connectTimeout: 2_000,
  // A disconnected client keeps the process alive for so long.
  disconnectTimeout: 500,
  retryStrategy: (times: number) => Math.min(times * 50, 500),
} satisfies RedisOptions;

/** A command that cannot be answered now fails now: ioredis neither keeps it for later nor sends it twice. */
export const failFast = {
  ...reconnecting,
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
} satisfies RedisOptions;

/** BullMQ's workers need commands that wait for the server as long as it takes. */
export const waitForServer = {
  ...reconnecting,
  lazyConnect: false,
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
} satisfies RedisOptions;

/** Creates a client. One that is given is copied. */
export function newClient(connection: string | RedisOptions | Redis, overrides: object): Redis {
  if (typeof connection === 'string') return tolerant(new Redis(connection, overrides));
  return tolerant(isClient(connection) ? connection.duplicate(overrides) : new Redis({ ...connection, ...overrides }));
}

/** Not `instanceof`, because the application may have another copy of ioredis. */
function isClient(connection: RedisOptions | Redis): connection is Redis {
  return 'duplicate' in connection && typeof connection.duplicate === 'function';
}

/**
 * Lets the client, and the copy that BullMQ makes of it, answer INFO whatever the server says. BullMQ's worker asks for
 * the version once for each connection. If that fails, or the version is too low, it tries again for ever without a
 * pause, and the process does nothing else.
 */
function tolerant(client: Redis): Redis {
  const duplicate = client.duplicate.bind(client);
  const info = client.info.bind(client);
  return Object.assign(client, {
    duplicate: (overrides?: Partial<RedisOptions>) => tolerant(duplicate(overrides)),
    /** Has a callback when ioredis asks whether a new connection can be used. */
    async info(callback?: (error: unknown, text?: string) => void): Promise<string> {
      try {
        const text = await info().catch((error: unknown) => {
          if (callback && !isRefused(error)) throw error;
          return versionByHello(client);
        });
        const supported = withSupportedVersion(text);
        callback?.(undefined, supported);
        return supported;
      } catch (error) {
        callback?.(error);
        throw error;
      }
    },
  });
}

/** Whether the user may not ask it, or nobody may. */
function isRefused(error: unknown): boolean {
  return /^(NOPERM|ERR unknown command)/.test(String((error as { readonly message?: unknown }).message));
}

/** Asks HELLO, for which no user needs a right. Redis has it since version 6. */
async function versionByHello(client: Redis): Promise<string> {
  const answer = (await client.call('hello').catch(() => [])) as readonly unknown[];
  const index = answer.indexOf('version');
  return `redis_version:${index < 0 ? LOWEST_VERSION : String(answer[index + 1])}`;
}

function withSupportedVersion(info: string): string {
  return isTooOld(info) ? info.replace(VERSION, `redis_version:${LOWEST_VERSION}`) : info;
}

/** Whether the version that INFO names is one that BullMQ refuses. */
export function isTooOld(info: string): boolean {
  return Number.parseInt(versionIn(info) ?? LOWEST_VERSION, 10) < Number.parseInt(LOWEST_VERSION, 10);
}

export function versionIn(info: string): string | undefined {
  return VERSION.exec(info)?.[1];
}

const VERSION = /redis_version:(\S+)/;

/** The lowest version that BullMQ takes. */
export const LOWEST_VERSION = '5.0.0';
