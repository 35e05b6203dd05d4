import { createRequire } from 'node:module';
import { missingPackage } from '../errors/missing-package.js';

/** Not imported, so that a program without the package gets MISSING_PACKAGE, and not an error of Node in our file. */
export const api = loadApi();

function loadApi(): typeof import('@opentelemetry/api') {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as typeof import('@opentelemetry/api');
  } catch (error) {
    return missingPackage('"nestjs-background-tasks/opentelemetry"', ['@opentelemetry/api'])(error);
  }
}
