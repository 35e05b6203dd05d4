import { GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../settings.js';
import { LocalS3 } from './local-s3.js';

/** Keeps objects on whatever speaks S3. */
@Injectable()
export class ObjectStore implements OnApplicationShutdown {
  #client: S3Client | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly localS3: LocalS3,
  ) {}

  async put(key: string, body: Buffer, contentType: string, metadata: Record<string, string>): Promise<void> {
    const object = { Key: key, Body: body, ContentType: contentType, Metadata: metadata };
    await this.#s3.send(new PutObjectCommand({ Bucket: this.settings.s3Bucket, ...object }));
  }

  /** `undefined` if there is no such object. */
  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.settings.s3Bucket, Key: key }));
      return await Body?.transformToByteArray();
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  onApplicationShutdown(): void {
    this.#client?.destroy();
  }

  /** Not made before it is needed: the address of the local server is known when it listens. */
  get #s3(): S3Client {
    return (this.#client ??= new S3Client({
      endpoint: this.settings.s3Endpoint ?? this.localS3.url,
      region: this.settings.s3Region,
      credentials: this.settings.s3Credentials,
      forcePathStyle: true,
    }));
  }
}
