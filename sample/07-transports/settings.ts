import { z } from 'zod';

const environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  TCP_PORT: z.coerce.number().int().min(0).max(65_535).default(3001),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  readonly port: number;
  readonly host: string;
  /** Where the microservice listens. */
  readonly tcpPort: number;

  constructor(variables: Record<string, string | undefined>) {
    const { data, error } = environment.safeParse(variables);
    if (error) throw new Error(`The environment holds a bad setting.\n${z.prettifyError(error)}`);
    this.port = data.PORT;
    this.host = data.HOST;
    this.tcpPort = data.TCP_PORT;
  }
}
