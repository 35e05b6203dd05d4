import { z } from 'zod';

const environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATA_DIR: z.string().min(1).default('var/multi-tenant'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  readonly port: number;
  readonly host: string;
  /** Where the Redis keeps what it has, if the sample starts one. */
  readonly dataDir: string;
  readonly redisUrl: string;

  constructor(variables: Record<string, string | undefined>) {
    const { data, error } = environment.safeParse(variables);
    if (error) throw new Error(`The environment holds a bad setting.\n${z.prettifyError(error)}`);
    this.port = data.PORT;
    this.host = data.HOST;
    this.dataDir = data.DATA_DIR;
    this.redisUrl = data.REDIS_URL;
  }
}
