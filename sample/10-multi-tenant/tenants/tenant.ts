import { UnauthorizedException } from '@nestjs/common';
import type { TaskContext } from 'nestjs-background-tasks';

/** The part of a request of Express or Fastify that tells whose it is. A real application reads a verified token. */
interface TenantRequest {
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Captures what goes along with each named task, because its handler has no request. */
export function captureTenant({ headers }: TenantRequest): { tenant: string } {
  const tenant = headers['x-tenant'];
  if (typeof tenant !== 'string') throw new UnauthorizedException('Send the header x-tenant');
  return { tenant };
}

/** The tenant of what Nest injects as REQUEST: a request, or the context of the task that a handler runs. */
export function tenantOf(request: TenantRequest | TaskContext): string {
  return 'headers' in request ? captureTenant(request).tenant : (request.context as { tenant: string }).tenant;
}
