/** The registry that the metrics are in: the application's, or the module's own. */
export const METRICS_REGISTRY = Symbol('nestjs-background-tasks:metrics-registry');
