import { Injectable } from '@nestjs/common';
import { appendFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Settings } from '../settings.js';

/** Reports on disk: a file for each month while they grow, then one. */
@Injectable()
export class ReportFiles {
  constructor(private readonly settings: Settings) {}

  async has(id: string, month: number): Promise<boolean> {
    return exists(this.#partOf(id, month));
  }

  /** Takes its time, and gives up when it is told to. A month is there when it is complete. */
  async writeMonth(id: string, year: number, month: number, signal: AbortSignal): Promise<void> {
    await setTimeout(this.settings.monthMs, undefined, { signal });
    await mkdir(this.settings.dataDir, { recursive: true });
    const part = this.#partOf(id, month);
    await writeFile(`${part}.new`, `${year}-${String(month).padStart(2, '0')},${month * 1_111}.00\n`);
    await rename(`${part}.new`, part);
  }

  /** Joins the months. Doing it again gives the same file. */
  async join(id: string): Promise<string> {
    const file = this.fileOf(id);
    await rm(`${file}.new`, { force: true });
    for (let month = 1; month <= 12; month++) await appendFile(`${file}.new`, await readFile(this.#partOf(id, month)));
    await rename(`${file}.new`, file);
    return file;
  }

  /** The report of a task, whose id is that of an HTTP request, and has been found by `TaskReports`. */
  fileOf(id: string): string {
    return join(this.settings.dataDir, `report-${id}.csv`);
  }

  #partOf(id: string, month: number): string {
    return join(this.settings.dataDir, `report-${id}.${month}.part`);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
