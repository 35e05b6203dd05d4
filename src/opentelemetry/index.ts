export { openTelemetryTracing } from './opentelemetry-tracing.js';
