import { Logger } from '@nestjs/common';
import { BackgroundTasks, currentTask, type Handles, TaskHandler } from 'nestjs-background-tasks';
import { BuildReport, MailReport, type ReportOrder } from './build-report.js';
import { ReportFiles } from './report-files.js';

@TaskHandler(BuildReport)
export class BuildReportHandler implements Handles<typeof BuildReport> {
  readonly #logger = new Logger('BuildReport');

  constructor(
    private readonly files: ReportFiles,
    private readonly tasks: BackgroundTasks,
  ) {}

  /** A run after a crash finds the months that the one before has written. What it returns is the result of the report. */
  async run({ year, email }: ReportOrder) {
    const { id, signal } = currentTask();
    for (let month = 1; month <= 12; month++) {
      if (!(await this.files.has(id, month))) {
        await this.files.writeMonth(id, year, month, signal);
        this.#logger.log(`Month ${month} of ${year} written`);
      }
      currentTask().progress({ done: month, of: 12 });
    }
    const file = await this.files.join(id);
    this.tasks.enqueue(MailReport, { email, file });
    return { file };
  }
}
