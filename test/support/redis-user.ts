import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';

/** A client of a Redis that may do everything. Closed when the test ends. */
export function redisAdmin(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}

/** A user of a Redis with a password, and with these rights; `resetkeys -@all` begins anew. */
export async function redisUser(url: string, ...rights: string[]): Promise<RedisUser> {
  const admin = redisAdmin(url);
  const name = 'tasks';
  await admin.call('ACL', 'SETUSER', name, 'reset', 'on', '>secret', ...rights);
  onTestFinished(async () => void (await admin.call('ACL', 'DELUSER', name).catch(() => undefined)));
  return {
    url: url.replace('redis://', `redis://${name}:secret@`),
    may: async (...more) => void (await admin.call('ACL', 'SETUSER', name, ...more)),
  };
}

export interface RedisUser {
  /** The address of the Redis, with the name and the password of the user. */
  readonly url: string;
  /** Changes the rights. */
  readonly may: (...rights: string[]) => Promise<void>;
}
