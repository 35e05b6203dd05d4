import { type CanActivate, type ExecutionContext, Inject, Injectable, Logger } from '@nestjs/common';
import { errorText } from '../execution/error-text.js';
import { writeLine } from '../execution/log-line.js';
import { exchangeOf } from '../http/find-exchange.js';
import type { Framed } from '../nest/http-adapter.js';
import type { RawRequest } from '../nest/raw-http.js';
import { type InspectorRequest, InspectorSettings } from './inspector-options.js';
import { OwnRoutes } from './own-routes.js';
import { RecentScopes } from './recent-scopes.js';
import { isFromOtherSite, isFromThisMachine } from './request-origin.js';

/** Lets a request in if `authorize` says so. Nest answers the others with 403. */
@Injectable()
export class InspectorGuard implements CanActivate {
  constructor(
    @Inject(InspectorSettings) private readonly settings: InspectorSettings,
    @Inject(RecentScopes) private readonly scopes: RecentScopes,
    @Inject(OwnRoutes) private readonly own: OwnRoutes,
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

  /** Takes this request itself out of the list, where it is if a middleware has added a task to it, or keeps it out. */
  #leaveOut(request: object): void {
    const exchange = exchangeOf(request);
    if (exchange?.routePattern !== undefined) this.own.add(exchange.routePattern);
    const id = exchange?.observed?.id;
    const record = id === undefined ? undefined : this.scopes.find(id);
    if (record) this.scopes.remove(record);
  }
}
