import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { BackgroundTasks, Tasks } from 'nestjs-background-tasks';
import { ExportOrders, ExportOrdersPayload } from './export-orders.js';

@Controller('exports')
export class ExportsController {
  /** A client who heard nothing, or 503, asks again with the same key, and gets one export. */
  @Post()
  @HttpCode(202)
  order(
    @Body({ schema: ExportOrdersPayload }) { year }: ExportOrdersPayload,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Tasks() tasks: BackgroundTasks,
  ) {
    tasks.enqueue(ExportOrders, { year }, idempotencyKey ? { idempotencyKey } : {});
    return { message: `The orders of ${year} will be exported.` };
  }
}
