import {
  Body,
  ConflictException,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  Res,
  Sse,
  StreamableFile,
} from '@nestjs/common';
import { BackgroundTasks, TaskReports, Tasks } from 'nestjs-background-tasks';
import { createReadStream } from 'node:fs';
import { map } from 'rxjs';
import { BuildReport, ReportOrder } from './build-report.js';
import { ReportFiles } from './report-files.js';

/** Whoever has the id sees the report. An application with users asks whose it is. */
@Controller('reports')
export class ReportsController {
  constructor(
    private readonly reports: TaskReports,
    private readonly files: ReportFiles,
  ) {}

  @Post()
  @HttpCode(202)
  order(
    @Body({ schema: ReportOrder }) order: ReportOrder,
    @Tasks() tasks: BackgroundTasks,
    @Res({ passthrough: true }) response: { header(name: string, value: string): unknown },
  ) {
    const { id } = tasks.enqueue(BuildReport, order);
    response.header('location', `/reports/${id}`);
    return { id };
  }

  @Get(':id')
  async find(@Param('id') id: string) {
    const report = await this.reports.find(id);
    if (!report) throw new NotFoundException();
    return report;
  }

  @Sse(':id/events')
  watch(@Param('id') id: string) {
    return this.reports.watch(id).pipe(map((report) => ({ data: report })));
  }

  @Get(':id/file')
  @Header('content-type', 'text/csv')
  async file(@Param('id') id: string) {
    const { state } = await this.find(id);
    if (state !== 'succeeded') throw new ConflictException(`The report is ${state}`);
    return new StreamableFile(createReadStream(this.files.fileOf(id)));
  }

  @Delete(':id')
  async cancel(@Param('id') id: string) {
    return { answer: await this.reports.cancel(id) };
  }
}
