export { openTelemetryPropagation } from './opentelemetry-propagation.js';
