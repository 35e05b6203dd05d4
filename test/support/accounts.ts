import type {
  BackgroundTask,
  BackgroundTasksHost,
  TaskEvents,
  TaskObserver,
  TaskReport,
  TaskStats,
  TerminalTaskState,
} from '../../src/index.js';

const terminalStates: readonly TerminalTaskState[] = [
  'succeeded',
  'failed',
  'timed-out',
  'skipped',
  'discarded',
  'cancelled',
  'abandoned',
];

/** Keeps books of its own beside those of the application, and compares at every event. */
export class Accounts implements TaskObserver {
  host: BackgroundTasksHost | undefined;
  /** What did not add up, or happened twice. An observer that threw would not be heard. */
  readonly violations: string[] = [];
  readonly #tasks = new Map<string, { started: number; settled: TaskReport[] }>();

  taskAccepted({ task: { id } }: TaskEvents['taskAccepted']): void {
    if (this.#tasks.has(id)) this.violations.push(`${id} accepted twice`);
    this.#tasks.set(id, { started: 0, settled: [] });
    this.check('accepted');
  }

  taskStarted({ task: { id }, attempt }: TaskEvents['taskStarted']): void {
    const task = this.#tasks.get(id);
    if (!task || ++task.started !== attempt || task.settled.length > 0)
      this.violations.push(`${id} started out of turn`);
    this.check('started');
  }

  taskSettled({ report }: TaskEvents['taskSettled']): void {
    const task = this.#tasks.get(report.id);
    if (!task || task.settled.push(report) > 1) this.violations.push(`${report.id} settled out of turn`);
    this.check('settled');
  }

  /** Compares the counts of the application with each other and with what the events said. */
  check(when: string): void {
    if (!this.host) return;
    const stats = this.host.stats();
    const tasks = [...this.#tasks.values()];
    const expected: Record<string, number> = {
      accepted: tasks.length,
      waiting: tasks.filter(({ started, settled }) => started === 0 && settled.length === 0).length,
      running: tasks.filter(({ started, settled }) => started > 0 && settled.length === 0).length,
    };
    for (const state of terminalStates)
      expected[state] = tasks.filter(({ settled }) => settled[0]?.state === state).length;
    for (const [state, count] of Object.entries(expected)) {
      const counted = stats[state as keyof TaskStats];
      if (counted !== count) this.violations.push(`${when}: ${counted} ${state}, should be ${count}`);
    }
    const ends = terminalStates.reduce((sum, state) => sum + stats[state], 0);
    if (stats.accepted !== stats.waiting + stats.running + ends)
      this.violations.push(`${when}: ${JSON.stringify(stats)}`);
  }

  /** Compares the handles with the events, when everything has ended. */
  async close(handles: readonly BackgroundTask[]): Promise<void> {
    this.check('closed');
    const unique = new Map(handles.map((handle) => [handle.id, handle]));
    if (unique.size !== this.#tasks.size) this.violations.push(`${unique.size} handles for ${this.#tasks.size} tasks`);
    for (const [id, handle] of unique) {
      const reports = this.#tasks.get(id)?.settled ?? [];
      const report = await handle.settled;
      if (reports.length !== 1) this.violations.push(`${id} has ${reports.length} ends`);
      if (report.state !== handle.state || report.state !== reports[0]?.state)
        this.violations.push(`${id} has two states`);
    }
  }
}
