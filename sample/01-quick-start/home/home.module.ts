import { Module } from '@nestjs/common';
import { ServerModule } from '../server/server.module.js';
import { SettingsModule } from '../settings/settings.module.js';
import { Greeting } from './greeting.js';
import { HomeController } from './home.controller.js';

@Module({
  imports: [ServerModule, SettingsModule],
  controllers: [HomeController],
  providers: [Greeting],
})
export class HomeModule {}
