import { z } from 'zod';

const environment = z.object({
  DATA_DIR: z.string().min(1).default('var/deploys'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  /** Where the journal is, and what the Redis keeps that the sample starts. */
  readonly dataDir: string;
  readonly redisUrl: string;

  constructor(variables: Record<string, string | undefined>) {
    const { data, error } = environment.safeParse(variables);
    if (error) throw new Error(`The environment holds a bad setting.\n${z.prettifyError(error)}`);
    this.dataDir = data.DATA_DIR;
    this.redisUrl = data.REDIS_URL;
  }
}
