import { Controller, HttpCode, Post } from '@nestjs/common';
import { BackgroundTasks, Resource, Tasks } from 'nestjs-background-tasks';
import { CurrentUser } from './current-user.js';
import { ReportFile } from './report-file.js';

/** Asks for the report file only; the way there is report file → tenant's settings → user → token. */
@Controller('report')
export class ReportController {
  @Post()
  @HttpCode(202)
  create(
    @Tasks() tasks: BackgroundTasks,
    @Resource(CurrentUser) user: CurrentUser,
    @Resource(ReportFile) report: ReportFile,
  ) {
    tasks.addTask(report, 'append', user.name);
    return { message: `The report for ${user.tenant} will be written.` };
  }
}
