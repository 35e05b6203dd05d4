import { Module } from '@nestjs/common';
import { SettingsModule } from '../settings/settings.module.js';
import { TimelineModule } from '../timeline/timeline.module.js';
import { Inbox } from './inbox.js';
import { Mailer } from './mailer.js';
import { UsersController } from './users.controller.js';

@Module({
  imports: [SettingsModule, TimelineModule],
  controllers: [UsersController],
  providers: [Mailer, Inbox],
})
export class UsersModule {}
