export { METRICS_REGISTRY } from './metrics-registry.js';
export { BackgroundTasksMetricsModule } from './metrics.module.js';
export type { MetricsOptions } from './metrics.module-definition.js';
