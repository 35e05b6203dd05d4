import { Module } from '@nestjs/common';
import { z } from 'zod';
import { readEnvironment } from '../read-environment.js';

const environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATA_DIR: z.string().min(1).default('var/batch-report'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  MONTH_MS: z.coerce.number().min(0).default(2_000),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  readonly port: number;
  readonly host: string;
  /** Where the reports are written, and the Redis that the sample starts. */
  readonly dataDir: string;
  readonly redisUrl: string;
  /** The mail server. Without it one is started in the worker. */
  readonly smtpUrl: string | undefined;
  /** Milliseconds that one month of a report takes. */
  readonly monthMs: number;

  constructor(variables: Record<string, string | undefined>) {
    const data = readEnvironment(environment, variables);
    this.port = data.PORT;
    this.host = data.HOST;
    this.dataDir = data.DATA_DIR;
    this.redisUrl = data.REDIS_URL;
    this.smtpUrl = data.SMTP_URL;
    this.monthMs = data.MONTH_MS;
  }
}

@Module({
  providers: [{ provide: Settings, useFactory: () => new Settings(process.env) }],
  exports: [Settings],
})
export class SettingsModule {}
