import { SampleProcess, startSample } from './sample-process.js';

/** The thumbnail sample. */
export class ThumbnailSample extends SampleProcess {
  get url(): string {
    return /(http:\S+)\/example\.jpg/.exec(this.log)![1]!;
  }

  async upload(image: Uint8Array<ArrayBuffer>, contentType: string): Promise<Response> {
    return fetch(`${this.url}/images`, { method: 'POST', body: image, headers: { 'content-type': contentType } });
  }
}

/** Starts the sample, and waits until it can be used. */
export async function startThumbnails(settings: Record<string, string> = {}): Promise<ThumbnailSample> {
  const sample = await startSample(ThumbnailSample, '04-thumbnails/main', { DATA_DIR: 'objects', ...settings });
  await sample.printed(/Ctrl\+C/);
  return sample;
}
