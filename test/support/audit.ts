import { Inject, Injectable } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import {
  BackgroundTasks,
  type BatchContext,
  currentTask,
  defineTask,
  type HandlesBatch,
  provideResource,
  TaskHandler,
} from '../../src/index.js';
import { Timeline } from './timeline.js';

/** An entry says what its batch does with it. */
export interface Entry {
  readonly n: number;
}

export const WriteAudit = defineTask<Entry>({
  name: 'write-audit',
  batch: { maxSize: 3, maxWaitMs: 200 },
  retry: { attempts: 2, delayMs: 50, jitter: 0 },
  timeoutMs: 1_000,
});

/** A run of `runBatch()`. */
export interface AuditRun {
  readonly entries: readonly number[];
  readonly context: BatchContext;
  readonly session: object;
  readonly isCurrent: boolean;
  readonly tasks: BackgroundTasks;
}

/** The runs of an application, and what each of them is to do. */
@Injectable()
export class Audit extends Timeline {
  readonly runs: AuditRun[] = [];
  act: (run: AuditRun) => unknown = () => undefined;

  get batches(): (readonly number[])[] {
    return this.runs.map(({ entries }) => entries);
  }
}

export class Session {}

export const sessionResource = provideResource({
  provide: Session,
  inject: [Audit],
  async *useFactory(audit: Audit) {
    try {
      yield new Session();
      audit.note('commit');
    } catch (error) {
      audit.note('rollback');
      throw error;
    } finally {
      audit.note('close');
    }
  },
});

@TaskHandler(WriteAudit)
export class WriteAuditHandler implements HandlesBatch<typeof WriteAudit> {
  constructor(
    private readonly audit: Audit,
    private readonly session: Session,
    private readonly tasks: BackgroundTasks,
    @Inject(REQUEST) private readonly context: BatchContext,
  ) {}

  async runBatch(entries: readonly Entry[]): Promise<void> {
    const { audit, session, tasks, context } = this;
    const numbers = entries.map(({ n }) => n);
    const run = { entries: numbers, context, session, tasks, isCurrent: currentTask() === context };
    audit.runs.push(run);
    audit.note(`begin ${numbers.join()}`);
    await audit.act(run);
    audit.note(`end ${numbers.join()}`);
  }
}

export const auditProviders = [Audit, sessionResource, WriteAuditHandler];
