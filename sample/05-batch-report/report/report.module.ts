import { Module } from '@nestjs/common';
import { SettingsModule } from '../settings.js';
import { BuildReportHandler } from './build-report.handler.js';
import { Inbox } from './inbox.js';
import { MailReportHandler } from './mail-report.handler.js';
import { ReportFiles } from './report-files.js';

/** For both processes: the one that orders has to know the handlers, too. */
@Module({
  imports: [SettingsModule],
  providers: [BuildReportHandler, MailReportHandler, ReportFiles, Inbox],
  exports: [ReportFiles],
})
export class ReportModule {}
