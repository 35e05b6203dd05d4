import { Body, Controller, Param, Post } from '@nestjs/common';
import { BackgroundTasks, Resource, Tasks } from 'nestjs-background-tasks';
import { z } from 'zod';
import { DbSession } from '../database/db-session.js';
import { Transaction } from '../database/transaction.js';
import { Timeline } from '../timeline/timeline.js';
import { AuditEntry } from './audit-entry.entity.js';
import { Item } from './item.entity.js';

const UserId = z.coerce.number().int().positive().max(2_147_483_647);
const NewItem = z.object({ name: z.string().min(1).max(100) });

/** Stays a singleton: what belongs to the request comes in as parameters. */
@Controller('items')
export class ItemsController {
  @Post(':userId')
  async create(
    @Param('userId', { schema: UserId }) userId: number,
    @Body({ schema: NewItem }) { name }: z.infer<typeof NewItem>,
    @Tasks() tasks: BackgroundTasks,
    @Resource(Transaction) transaction: Transaction,
    @Resource(DbSession) session: DbSession,
    @Resource(Timeline) timeline: Timeline,
  ) {
    const item = await transaction.save(Item, { userId, name, session: session.id });
    timeline.note('handler', `Item ${item.id} written by session ${session.id}`);
    tasks.addTask(writeAuditEntry, session, item.id, timeline);
    return item;
  }
}

async function writeAuditEntry(session: DbSession, itemId: number, timeline: Timeline): Promise<void> {
  const entry = await session.manager.save(AuditEntry, { itemId, action: 'created', session: session.id });
  timeline.note('task', `Audit row ${entry.id} written by session ${session.id}`);
}
