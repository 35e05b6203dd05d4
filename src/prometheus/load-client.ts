import { requirePackage } from '../errors/missing-package.js';

export const client = requirePackage('prometheus', 'prom-client') as typeof import('prom-client');
