import S3rver from '@20minutes/s3rver';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { mkdirSync } from 'node:fs';
import { Settings } from '../settings.js';

/** An S3-compatible server in this process, so that the sample needs none. Idle where S3_ENDPOINT names a real one. */
@Injectable()
export class LocalS3 implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('LocalS3');
  #server: S3rver | undefined;
  #port = 0;

  constructor(private readonly settings: Settings) {}

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async onModuleInit(): Promise<void> {
    const { s3Endpoint, s3Bucket, dataDir } = this.settings;
    if (s3Endpoint) return;
    mkdirSync(dataDir, { recursive: true });
    const server = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: dataDir,
      configureBuckets: [{ name: s3Bucket }],
    });
    this.#port = (await server.run()).port;
    this.#server = server;
    this.#logger.log(`Keeps bucket "${s3Bucket}" in ${dataDir}, at ${this.url}`);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#server?.close();
  }
}
