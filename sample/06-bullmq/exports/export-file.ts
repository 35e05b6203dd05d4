import { Logger } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { provideResource, type TaskContext } from 'nestjs-background-tasks';
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Settings } from '../settings.js';

/** A file that is there when it is complete, and not before. */
export class ExportFile {
  /** What it is called once it is complete. */
  name = 'export.csv';

  constructor(private readonly handle: FileHandle) {}

  async append(lines: readonly string[]): Promise<void> {
    await this.handle.write(lines.map((line) => `${line}\n`).join(''));
  }
}

const logger = new Logger('ExportFile');

/**
 * One file for each run. A task runs at least once: should its worker die, or be taken for dead, another begins anew, so
 * a run writes to a file of its own, and twice the same export is once the same file.
 */
export const exportFile = provideResource({
  provide: ExportFile,
  inject: [Settings, REQUEST],
  // Before the task has succeeded: if the file cannot be put in its place, the task fails and is tried again.
  release: 'before-response',
  async *useFactory({ dataDir }: Settings, task: TaskContext) {
    await mkdir(dataDir, { recursive: true });
    const part = join(dataDir, `${randomUUID()}.part`);
    const handle = await open(part, 'w');
    logger.log(`Attempt ${task.attempt} of task ${task.id} begins`);
    try {
      const file = new ExportFile(handle);
      yield file;
      await handle.close();
      await rename(part, join(dataDir, file.name));
      logger.log(`${join(dataDir, file.name)} written by task ${task.id}`);
    } catch (error) {
      await handle.close();
      await rm(part, { force: true });
      throw error;
    }
  },
});
