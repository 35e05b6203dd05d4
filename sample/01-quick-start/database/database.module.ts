import { Module } from '@nestjs/common';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { Settings } from '../settings/settings.js';
import { SettingsModule } from '../settings/settings.module.js';
import { TimelineModule } from '../timeline/timeline.module.js';
import { DbSession, dbSession } from './db-session.js';
import { SessionTurns } from './session-turns.js';
import { Transaction, transaction } from './transaction.js';

const options = ({ databaseUrl }: Settings): TypeOrmModuleOptions => ({
  ...(databaseUrl ? { type: 'postgres', url: databaseUrl } : { type: 'sqljs' }),
  autoLoadEntities: true,
  // Good for a sample; a real application migrates.
  synchronize: true,
  entityPrefix: 'quick_start_',
});

@Module({
  imports: [
    SettingsModule,
    TimelineModule,
    TypeOrmModule.forRootAsync({ imports: [SettingsModule], inject: [Settings], useFactory: options }),
  ],
  providers: [SessionTurns, dbSession, transaction],
  exports: [DbSession, Transaction],
})
export class DatabaseModule {}
