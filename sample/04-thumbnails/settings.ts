import { z } from 'zod';
import { readEnvironment } from '../read-environment.js';

const environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATA_DIR: z.string().min(1).default('var/thumbnails'),
  S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  S3_REGION: z.string().min(1).default('us-east-1'),
  S3_BUCKET: z.string().min(1).default('thumbnails'),
  // What the server in this process wants to hear.
  S3_ACCESS_KEY_ID: z.string().min(1).default('S3RVER'),
  S3_SECRET_ACCESS_KEY: z.string().min(1).default('S3RVER'),
});

/** Everything that can be set from outside, checked once. */
export class Settings {
  readonly port: number;
  readonly host: string;
  /** Where the object store in this process keeps its files. */
  readonly dataDir: string;
  /** An S3-compatible server; absent for the one in this process. */
  readonly s3Endpoint: string | undefined;
  readonly s3Region: string;
  readonly s3Bucket: string;
  readonly s3Credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };

  constructor(variables: Record<string, string | undefined>) {
    const data = readEnvironment(environment, variables);
    this.port = data.PORT;
    this.host = data.HOST;
    this.dataDir = data.DATA_DIR;
    this.s3Endpoint = data.S3_ENDPOINT;
    this.s3Region = data.S3_REGION;
    this.s3Bucket = data.S3_BUCKET;
    this.s3Credentials = { accessKeyId: data.S3_ACCESS_KEY_ID, secretAccessKey: data.S3_SECRET_ACCESS_KEY };
  }
}
