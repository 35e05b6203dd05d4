import { type CanActivate, type ExecutionContext, Logger } from '@nestjs/common';
import { errorText } from '../execution/error-text.js';
import { writeLine } from '../execution/log-line.js';
import type { Framed } from '../nest/http-adapter.js';
import type { RawRequest } from '../nest/raw-http.js';
import type { InspectorRequest, ResolvedInspectorOptions } from './inspector-options.js';
import { isFromOtherSite, isFromThisMachine } from './request-origin.js';

/** Lets a request in if `authorize` says so. Nest answers the others with 403. */
export class InspectorGuard implements CanActivate {
  constructor(private readonly authorize: ResolvedInspectorOptions['authorize']) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request: InspectorRequest & Framed<RawRequest> = context.switchToHttp().getRequest();
    const raw = request.raw ?? request;
    if (isFromOtherSite(raw)) return false;
    if (this.authorize === 'loopback-only') return isFromThisMachine(raw);
    try {
      return (await this.authorize(request)) === true;
    } catch (error) {
      writeLine(new Logger('BackgroundTasks'), 'error', `The inspector's authorize() failed: ${errorText(error)}`);
      return false;
    }
  }
}
