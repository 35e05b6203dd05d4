import { z } from 'zod';
import { readEnvironment } from '../read-environment.js';

const environment = z.object({
  DATA_DIR: z.string().min(1).default('var/deploys'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  /** The folder of the journal, and of the Redis if the sample starts one. */
  readonly dataDir: string;
  readonly redisUrl: string;

  constructor(variables: Record<string, string | undefined>) {
    const data = readEnvironment(environment, variables);
    this.dataDir = data.DATA_DIR;
    this.redisUrl = data.REDIS_URL;
  }
}
