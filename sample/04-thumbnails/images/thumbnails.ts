import { Injectable, Logger } from '@nestjs/common';
import { threadTask } from 'nestjs-background-tasks/worker-threads';
import { ServerAddress } from '../../server-address.js';
import { ObjectStore } from '../store/object-store.js';

type Pictures = typeof import('./pictures.js');
const pictures = new URL('./pictures.js', import.meta.url);
const resize = threadTask<Pictures, 'resize'>(pictures, 'resize');
const draw = threadTask<Pictures, 'draw'>(pictures, 'draw');

const WIDTH = 200;

@Injectable()
export class Thumbnails {
  readonly #logger = new Logger('Thumbnails');

  constructor(
    private readonly store: ObjectStore,
    private readonly server: ServerAddress,
  ) {}

  /** Computes in a thread, and stores from here, where the client is. */
  async make(id: string, image: Buffer): Promise<void> {
    const begun = performance.now();
    const { bytes, width, height, colour } = await resize(image, WIDTH);
    const computed = performance.now();
    await this.store.put(`${id}.webp`, bytes, 'image/webp', { colour });
    const times = `${Math.round(computed - begun)} ms in a thread, ${Math.round(performance.now() - computed)} ms to store`;
    this.#logger.log(`${id}: ${width}×${height}, mostly ${colour}, ${bytes.length} bytes (${times})`);
    console.log(`\n  curl -s ${this.server.url}/thumbnails/${id} -o thumbnail.webp\n`);
  }

  /** In a request that waits for it: nobody else does. */
  drawExample(): Promise<Buffer> {
    return draw(4_000, 3_000);
  }
}
