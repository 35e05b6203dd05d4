import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import type { BackendHealth } from 'nestjs-background-tasks';
import { BullMqHealth } from 'nestjs-background-tasks/bullmq';

@Controller('health')
export class HealthController {
  constructor(private readonly health: BullMqHealth) {}

  /** 503 while tasks are refused; what is merely in danger of being lost is said with 200. */
  @Get()
  async check(): Promise<BackendHealth> {
    const report = await this.health.check();
    if (report.status === 'down') throw new ServiceUnavailableException(report);
    return report;
  }
}
