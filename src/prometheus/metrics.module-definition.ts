import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { Registry } from 'prom-client';
import { metricsController } from './metrics.controller.js';

/** Options of `BackgroundTasksMetricsModule.forRoot()`. */
export interface MetricsOptions {
  /** The registry to which the metrics are added. @default one of its own, which `METRICS_REGISTRY` injects */
  readonly registry?: Registry;
  /** Text before each name. @default 'background_tasks_' */
  readonly prefix?: string;
  /**
   * Number of function names that have a label of their own; the later ones share `other`. Named tasks all have one.
   * @default 100. Each name is a series of every metric that has the label.
   */
  readonly maxFunctionNames?: number;
}

interface MetricsExtras {
  /** The path of the endpoint. @default 'metrics'. `false`: none, because the registry has one already. */
  readonly path?: string | false;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<MetricsOptions>()
    .setClassMethodName('forRoot')
    .setExtras<MetricsExtras>({ path: 'metrics' }, (definition, { path = 'metrics' }) => ({
      ...definition,
      controllers: path === false ? [] : [metricsController(path)],
    }))
    .build();
