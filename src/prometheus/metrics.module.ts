import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Registry } from 'prom-client';
import { TaskObservers } from '../contracts/task-observers.js';
import { InvalidOptionError } from '../errors/errors.js';
import { type Check, checkAll, count, group, readOption } from '../options/checks.js';
import { BackgroundTasksHost } from '../shutdown/background-tasks-host.js';
import { client } from './load-client.js';
import { METRICS_REGISTRY } from './metrics-registry.js';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type MetricsOptions,
  type OPTIONS_TYPE,
} from './metrics.module-definition.js';
import { TaskMetrics } from './task-metrics.js';

/**
 * Counts and times tasks, scopes and resources for Prometheus, and serves `GET /metrics`. Import it beside
 * `BackgroundTasksModule.forRoot()`. The number of series is bounded, whatever tasks are called.
 */
@Module({
  providers: [
    {
      provide: METRICS_REGISTRY,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: ({ registry }: MetricsOptions) =>
        registry === undefined ? new client.Registry() : registryRule('registry', registry),
    },
  ],
  exports: [METRICS_REGISTRY],
})
export class BackgroundTasksMetricsModule extends ConfigurableModuleClass implements OnApplicationShutdown {
  /** Registers the metrics. @throws INVALID_OPTION at start-up */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return readOption('options', options, () => super.forRoot(group('options', options)));
  }

  /** Does so with options from `useFactory`, `useClass` or `useExisting`. `path` is beside them. @throws as `forRoot` */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return readOption('options', options, () => super.forRootAsync(group('options', options)));
  }

  readonly #metrics: TaskMetrics;
  readonly #stop: () => void;

  constructor(
    @Inject(MODULE_OPTIONS_TOKEN) options: MetricsOptions,
    @Inject(METRICS_REGISTRY) registry: Registry,
    @Inject(BackgroundTasksHost) host: BackgroundTasksHost,
    @Inject(TaskObservers) observers: TaskObservers,
  ) {
    super();
    const { registry: _, ...given } = options;
    const { prefix = 'background_tasks_', maxFunctionNames = 100 } = checkAll<Omit<MetricsOptions, 'registry'>>(
      '',
      given,
      {
        prefix: prefixRule,
        maxFunctionNames: count,
      },
    );
    this.#metrics = new TaskMetrics(registry, prefix, maxFunctionNames, host);
    this.#stop = observers.add(this.#metrics);
  }

  /** The last of the hooks: a registry of the application outlives it, and may serve another one. */
  onApplicationShutdown(): void {
    this.#stop();
    this.#metrics.remove();
  }
}

const prefixRule: Check<string> = (option, value) => {
  if (typeof value === 'string' && /^[A-Za-z_:][\w:]*$/.test(value)) return value;
  throw new InvalidOptionError(option, value, "Give letters, digits, '_' and ':', such as 'shop_'.");
};

const registryRule: Check<Registry> = (option, value) => {
  if (typeof (value as Partial<Registry> | null)?.registerMetric === 'function') return value as Registry;
  throw new InvalidOptionError(option, value, 'Give a Registry of prom-client.');
};
