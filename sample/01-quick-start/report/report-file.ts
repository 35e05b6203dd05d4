import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { provideResource } from 'nestjs-background-tasks';
import { Settings } from '../settings/settings.js';
import { Timeline } from '../timeline/timeline.js';
import { TenantSettings } from './tenant-settings.js';

/** The tenant's report, open for appending until the task has written to it. */
export class ReportFile {
  constructor(
    private readonly path: string,
    private readonly title: string,
    private readonly handle: FileHandle,
    private readonly timeline: Timeline,
  ) {}

  async append(author: string): Promise<void> {
    await this.handle.appendFile(`${new Date().toISOString()} ${this.title}, requested by ${author}\n`);
    this.timeline.note('task', `Report appended to ${this.path}`);
  }

  async close(): Promise<void> {
    await this.handle.close();
    this.timeline.note('disposal', 'Report file closed');
  }
}

export const reportFile = provideResource({
  provide: ReportFile,
  inject: [Settings, TenantSettings, Timeline],
  async useFactory({ dataDir }: Settings, { title, fileName }: TenantSettings, timeline: Timeline) {
    const path = join(dataDir, fileName);
    await mkdir(dataDir, { recursive: true });
    const handle = await open(path, 'a');
    timeline.note('handler', 'Report file opened');
    return new ReportFile(path, title, handle, timeline);
  },
  dispose: (file: ReportFile) => file.close(),
});
