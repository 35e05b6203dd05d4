import { Module } from '@nestjs/common';
import { SettingsModule } from '../settings/settings.module.js';
import { TimelineModule } from '../timeline/timeline.module.js';
import { accessToken } from './access-token.js';
import { currentUser } from './current-user.js';
import { reportFile } from './report-file.js';
import { ReportController } from './report.controller.js';
import { tenantSettings } from './tenant-settings.js';

@Module({
  imports: [SettingsModule, TimelineModule],
  controllers: [ReportController],
  providers: [accessToken, currentUser, tenantSettings, reportFile],
})
export class ReportModule {}
