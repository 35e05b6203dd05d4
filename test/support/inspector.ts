import { BackgroundTasksHost } from '../../src/index.js';
import { BackgroundTasksInspectorModule, type InspectorModuleOptions } from '../../src/inspector/index.js';
import type { LiveMessage, ScopeRecord } from '../../src/inspector/records.js';
import { type AppSettings, type Platform, type RunningApp, startApp } from './platforms.js';

/** The routes of the page and of its files, after its path. */
export const inspectorRoutes = ['', '/page.js', '/page.css', '/records', '/live', '/tasks/42'] as const;

interface InspectedSettings extends AppSettings {
  /** @default for whoever asks from this machine */
  readonly inspector?: Parameters<typeof BackgroundTasksInspectorModule.forRoot>[0];
}

/** Starts an application with an inspector at `/background-tasks`. */
export function startInspected(
  platform: Platform,
  { inspector = onLoopback, ...settings }: InspectedSettings = {},
): Promise<RunningApp> {
  const imports = [BackgroundTasksInspectorModule.forRoot(inspector), ...(settings.imports ?? [])];
  return startApp(platform, { ...settings, imports });
}

const onLoopback: InspectorModuleOptions = { unsafe: 'loopback-only' };

/** Returns what the inspector keeps once all work has ended, the latest first. */
export async function recordsOf({ app, url }: RunningApp): Promise<readonly ScopeRecord[]> {
  await app.get(BackgroundTasksHost).onIdle();
  const response = await fetch(`${url}/background-tasks/records`);
  return ((await response.json()) as LiveMessage).records;
}

/** The live stream of an inspector, as the page reads it. */
export class LiveClient {
  #unread = '';
  readonly #decoder = new TextDecoder();

  private constructor(
    private readonly reader: ReadableStreamDefaultReader<Uint8Array>,
    private readonly controller: AbortController,
  ) {}

  static async open(url: string, query = ''): Promise<LiveClient> {
    const controller = new AbortController();
    const response = await fetch(`${url}/background-tasks/live${query}`, { signal: controller.signal });
    return new LiveClient(response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>, controller);
  }

  /** Returns the next message; `undefined` once the stream has ended. */
  async next(): Promise<LiveMessage | undefined> {
    for (;;) {
      const end = this.#unread.indexOf('\n\n');
      if (end !== -1) {
        const message = this.#unread.slice('data: '.length, end);
        this.#unread = this.#unread.slice(end + 2);
        return JSON.parse(message) as LiveMessage;
      }
      const { done, value } = await this.reader.read();
      if (done) return undefined;
      this.#unread += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Returns the next message of which something is so. */
  async until(isSo: (message: LiveMessage) => boolean): Promise<LiveMessage> {
    for (;;) {
      const message = await this.next();
      if (!message) throw new Error('The stream has ended.');
      if (isSo(message)) return message;
    }
  }

  close(): void {
    this.controller.abort();
  }
}
