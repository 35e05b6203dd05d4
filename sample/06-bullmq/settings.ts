import { z } from 'zod';
import { readEnvironment } from '../read-environment.js';

const environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATA_DIR: z.string().min(1).default('var/bullmq'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
  BOARD_USER: z
    .string()
    .regex(/^[^:]+$/, 'Give a name without a colon')
    .default('admin'),
  BOARD_PASSWORD: z.string().min(1).optional(),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  readonly port: number;
  readonly host: string;
  /** Where the worker writes, and the Redis that the sample starts. */
  readonly dataDir: string;
  readonly redisUrl: string;
  readonly boardUser: string;
  /** Needed where there is a board. */
  readonly boardPassword: string | undefined;

  constructor(variables: Record<string, string | undefined>) {
    const data = readEnvironment(environment, variables);
    this.port = data.PORT;
    this.host = data.HOST;
    this.dataDir = data.DATA_DIR;
    this.redisUrl = data.REDIS_URL;
    this.boardUser = data.BOARD_USER;
    this.boardPassword = data.BOARD_PASSWORD;
  }
}
