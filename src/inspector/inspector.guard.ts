import { type CanActivate, type ExecutionContext, Inject, Injectable, Logger } from '@nestjs/common';
import { errorText } from '../execution/error-text.js';
import { writeLine } from '../execution/log-line.js';
import { exchangeOf } from '../http/find-exchange.js';
import type { Framed } from '../nest/http-adapter.js';
import type { RawRequest } from '../nest/raw-http.js';
import { type InspectorRequest, InspectorSettings } from './inspector-options.js';
import { RecentScopes } from './recent-scopes.js';
import { isFromOtherSite, isFromThisMachine } from './request-origin.js';

/** Lets a request in if `authorize` says so. Nest answers the others with 403. */
@Injectable()
export class InspectorGuard implements CanActivate {
  constructor(
    @Inject(InspectorSettings) private readonly settings: InspectorSettings,
    @Inject(RecentScopes) private readonly scopes: RecentScopes,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request: InspectorRequest & Framed<RawRequest> = context.switchToHttp().getRequest();
    const raw = request.raw ?? request;
    this.#leaveOut(raw);
    if (isFromOtherSite(raw)) return false;
    const { authorize } = this.settings;
    if (authorize === 'loopback-only') return isFromThisMachine(raw);
    try {
      return (await authorize(request)) === true;
    } catch (error) {
      writeLine(new Logger('BackgroundTasks'), 'error', `The inspector's authorize() failed: ${errorText(error)}`);
      return false;
    }
  }

  /** Takes this request itself out of the list. It is there if a middleware has added a task to it. */
  #leaveOut(request: object): void {
    const id = exchangeOf(request)?.observed?.id;
    const record = id === undefined ? undefined : this.scopes.find(id);
    if (record) this.scopes.remove(record);
  }
}
