import { Inject, Module } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { NEVER, throwError, type Observable } from 'rxjs';
import { ShuttingDownError } from '../errors/errors.js';
import { resourceFactory, resourceFactoryIn } from '../handlers/resource.decorator.js';
import { bindToModules } from '../nest/route-parameters.js';
import { CalledUnit, calledUnit } from '../scope/called-unit.js';
import { CalledUnits } from '../scope/called-units.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { attachScopeSource } from '../scope/scope-source.js';
import { Drain } from '../shutdown/drain.js';
import { MessageServers } from './message-servers.js';
import {
  listenToMessages,
  listenToRpcExceptions,
  microserviceHandlers,
  type RegisteredHandler,
} from './nest-microservices.js';

/**
 * Gives the messages and events of microservices tasks and resources, as requests have them. Import it beside
 * `BackgroundTasksModule.forRoot()`. Tasks run once the last answer has left. Each handler of an event has tasks,
 * resources and request-scoped instances of its own.
 */
@Module({})
export class MicroservicesBackgroundTasksModule {
  constructor(
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(CalledUnits) units: CalledUnits,
    @Inject(RequestScopes) scopes: RequestScopes,
    @Inject(Drain) drain: Drain,
    @Inject(ModuleRef) moduleRef: ModuleRef,
  ) {
    const servers = new MessageServers();
    drain.onBegin(() => servers.finish());
    bindToModules(resourceFactory, resourceFactoryIn, microserviceHandlers);
    listenToRpcExceptions((error) => calledUnit()?.fail(error));
    listenToMessages(modules, {
      serving: (server) => servers.add(server),
      received(message, handler) {
        const { isEvent, isPlain } = message.handler;
        const { connection } = message;
        // The sender of an event waits for nothing, and would not learn that it was refused.
        const answersTo = isEvent ? undefined : connection;
        if (answersTo && servers.isFinishing) return refusal(answersTo);
        const ended = answersTo && servers.keepOpen(answersTo);
        // Nothing in a plain one can ask for anything of ours, if nobody uses the reference.
        if (isPlain && !scopes.usesRefInMessages) return units.callPlain(handler, ended);
        const hasPeerLeft = () => message.hasPeerLeft;
        const unit = new Message(scopes, 'rpc', describe(message.handler), message.request, moduleRef, hasPeerLeft);
        unit.ended = ended;
        attachScopeSource(message.request, unit);
        return units.run(unit, handler);
      },
      closing: () => drain.begin(),
    });
  }
}

/** A message or an event while it is handled. */
class Message extends CalledUnit {
  /** Called when the answer has left. */
  ended: (() => void) | undefined;

  override end(): void {
    super.end();
    this.ended?.();
  }
}

/** Answers a message that came during a shutdown. Where the connection has ended, its peer knows that by itself. */
function refusal(connection: Socket): Observable<never> {
  if (!connection.writable) return NEVER;
  const { code, message } = new ShuttingDownError('A message');
  return throwError(() => ({ status: 'error', code, message }));
}

function describe({ isEvent, pattern }: RegisteredHandler): string {
  const { service, rpc } = Object(pattern) as { readonly service?: unknown; readonly rpc?: unknown };
  // Of gRPC, which has no events.
  if (typeof service === 'string' && typeof rpc === 'string') return `call "${service}/${rpc}"`;
  const name = typeof pattern === 'string' ? `"${pattern}"` : inspect(pattern, { breakLength: Infinity });
  return `${isEvent ? 'event' : 'message'} ${name}`;
}
