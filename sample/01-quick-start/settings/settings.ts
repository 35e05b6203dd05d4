import { z } from 'zod';
import { readEnvironment } from '../../read-environment.js';

const environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  PLATFORM: z.enum(['express', 'fastify']).default('express'),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  WEBHOOK_URL: z.url({ protocol: /^https?$/ }).optional(),
  DATA_DIR: z.string().min(1).default('var/quick-start'),
});

/** Everything that can be set from outside, checked once. Injected like any other provider. */
export class Settings {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  readonly platform: 'express' | 'fastify';
  /** Where mail goes; absent for the inbox in this process. */
  readonly smtpUrl: string | undefined;
  /** A PostgreSQL server; absent for sql.js in memory. */
  readonly databaseUrl: string | undefined;
  /** Where webhooks go; absent for the receiver in this application. */
  readonly webhookUrl: string | undefined;
  /** The folder that reports are written to. */
  readonly dataDir: string;

  constructor(variables: Record<string, string | undefined>) {
    const data = readEnvironment(environment, variables);
    this.port = data.PORT;
    this.host = data.HOST;
    this.platform = data.PLATFORM;
    this.smtpUrl = data.SMTP_URL;
    this.databaseUrl = data.DATABASE_URL;
    this.webhookUrl = data.WEBHOOK_URL;
    this.dataDir = data.DATA_DIR;
  }
}
