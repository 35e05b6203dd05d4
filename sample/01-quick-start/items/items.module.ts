import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DatabaseModule } from '../database/database.module.js';
import { TimelineModule } from '../timeline/timeline.module.js';
import { AuditEntry } from './audit-entry.entity.js';
import { Item } from './item.entity.js';
import { ItemsController } from './items.controller.js';

@Module({
  imports: [TypeOrmModule.forFeature([Item, AuditEntry]), DatabaseModule, TimelineModule],
  controllers: [ItemsController],
})
export class ItemsModule {}
