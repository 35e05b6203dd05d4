import { Controller, Get, Header, Inject, Res, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Registry } from 'prom-client';
import { METRICS_REGISTRY } from './metrics-registry.js';

/** Returns the controller of the endpoint that Prometheus reads. */
export function metricsController(path: string): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  class MetricsController {
    constructor(
      @Inject(METRICS_REGISTRY) private readonly registry: Registry,
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    ) {}

    @Get()
    @Header('Cache-Control', 'no-store')
    metrics(@Res({ passthrough: true }) response: object): Promise<string> {
      this.host.httpAdapter.setHeader(response, 'Content-Type', this.registry.contentType);
      return this.registry.metrics();
    }
  }
  return MetricsController;
}
