import { Module } from '@nestjs/common';
import { SettingsModule } from '../settings.module.js';
import { exportFile } from './export-file.js';
import { ExportOrdersHandler } from './export-orders.handler.js';
import { Orders } from './orders.js';

/** For both processes. */
@Module({ imports: [SettingsModule], providers: [ExportOrdersHandler, exportFile, Orders] })
export class ExportsModule {}
