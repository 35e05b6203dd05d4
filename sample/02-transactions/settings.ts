import { z } from 'zod';
import { readEnvironment } from '../read-environment.js';

const environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).default('postgresql://127.0.0.1:5432/postgres'),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  readonly port: number;
  readonly host: string;
  /** The database of the orders and their tasks. */
  readonly databaseUrl: string;

  constructor(variables: Record<string, string | undefined>) {
    const data = readEnvironment(environment, variables);
    this.port = data.PORT;
    this.host = data.HOST;
    this.databaseUrl = data.DATABASE_URL;
  }
}
