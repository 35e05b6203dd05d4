import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { startHeldServer } from '../support/held-server.js';
import { openShell } from '../support/shell.js';
import { startThumbnails } from '../support/thumbnails.js';

describe('The thumbnail sample', () => {
  it('does what its curl lines promise: a photo, an answer at once, a thumbnail in the object store', async () => {
    const sample = await startThumbnails();
    const [draw, upload] = sample.shellLines as [string, string];
    const paste = await openShell(sample.folder);

    await paste(draw);
    const { id } = JSON.parse(await paste(upload)) as { id: string };
    const [, colour] = await sample.printed(new RegExp(`${id}: 200×150, mostly (#[0-9a-f]{6}), \\d+ bytes`));
    const [fetchThumbnail] = await sample.printed(/^ +curl .*thumbnail\.webp$/m);
    await paste(fetchThumbnail);

    const thumbnail = await readFile(join(sample.folder, 'thumbnail.webp'));
    expect(await sharp(join(sample.folder, 'photo.jpg')).metadata()).toMatchObject({
      format: 'jpeg',
      width: 4_000,
      height: 3_000,
    });
    expect(await sharp(thumbnail).metadata()).toMatchObject({ format: 'webp', width: 200, height: 150 });
    const { bytes, ...object } = await objectAt(sample.log, `${id}.webp`);
    expect(object).toEqual({ type: 'image/webp', colour });
    expect(thumbnail.equals(bytes)).toBe(true);
  });

  it('refuses at once what is no image by its type, and fails the task for what is none in truth', async () => {
    const sample = await startThumbnails();
    const nonsense = new TextEncoder().encode('not an image');

    const refused = await sample.upload(nonsense, 'text/plain');
    const accepted = await sample.upload(nonsense, 'image/png');
    const { id } = (await accepted.json()) as { id: string };
    await sample.printed(/Task "Thumbnails\.make" failed .*unsupported image format/);
    const missing = await fetch(`${sample.url}/thumbnails/${id}`);

    expect([refused.status, accepted.status, missing.status]).toEqual([415, 202, 404]);
  });

  it('answers before the object store does, and keeps its promise when it is told to stop', async () => {
    const store = await startHeldServer(200, { etag: '"held"' });
    const sample = await startThumbnails({ S3_ENDPOINT: store.url });
    const image = await sharp({ create: { width: 400, height: 100, channels: 3, background: '#336699' } })
      .png()
      .toBuffer();

    const answer = await sample.upload(new Uint8Array(image), 'image/png');
    const { id } = (await answer.json()) as { id: string };
    const put = await store.received;
    const stopped = sample.stop();
    store.answer();

    expect(answer.status).toBe(202);
    expect(put.url).toMatch(new RegExp(`^/thumbnails/${id}\\.webp`));
    expect(await sharp(put.body).metadata()).toMatchObject({ format: 'webp', width: 200, height: 50 });
    expect(await stopped).toEqual({ code: null, signal: 'SIGTERM' });
    expect(sample.log).toContain(`${id}: 200×50, mostly #336699`);
  });
});

/** Looks into the sample's object store, as any S3 client would. */
async function objectAt(log: string, key: string) {
  const endpoint = /Keeps bucket .* at (http:\S+)/.exec(log)![1]!;
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
  const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
  const { Body, ContentType, Metadata } = await client.send(new GetObjectCommand({ Bucket: 'thumbnails', Key: key }));
  const bytes = await Body!.transformToByteArray();
  client.destroy();
  return { bytes, type: ContentType, colour: Metadata?.['colour'] };
}
