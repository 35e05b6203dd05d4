import type { NamedTaskReport } from './named-task-report.js';

/** A task of a group that has ended, for the handler that runs then. */
export interface EndedTask extends Pick<NamedTaskReport, 'id' | 'name' | 'result' | 'error'> {
  /** `discarded` if it never began, such as one that an operator removed. */
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'discarded';
}

/** The tasks of a group, counted. */
export interface GroupProgress {
  readonly total: number;
  /** Those that have ended, also those that have failed. */
  readonly ended: number;
  /** Those that have ended without success. */
  readonly failed: number;
}
