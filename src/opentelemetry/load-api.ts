import { requirePackage } from '../errors/missing-package.js';

export const api = requirePackage('opentelemetry', '@opentelemetry/api') as typeof import('@opentelemetry/api');
