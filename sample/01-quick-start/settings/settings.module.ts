import { Module } from '@nestjs/common';
import { ConfigModule, registerAs } from '@nestjs/config';
import { Settings } from './settings.js';

/** A function, too, because the platform has to be known before there is an application to inject it. */
export const loadSettings = registerAs('settings', () => new Settings(process.env));

@Module({
  imports: [ConfigModule.forRoot({ load: [loadSettings] })],
  providers: [{ provide: Settings, inject: [loadSettings.KEY], useFactory: (settings: Settings) => settings }],
  exports: [Settings],
})
export class SettingsModule {}
