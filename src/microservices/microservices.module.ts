import { Inject, Module } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { inspect } from 'node:util';
import { resourceFactory, resourceFactoryIn } from '../handlers/resource.decorator.js';
import { bindToModules } from '../nest/route-parameters.js';
import { CalledUnit, calledUnit } from '../scope/called-unit.js';
import { CalledUnits } from '../scope/called-units.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { attachScopeSource } from '../scope/scope-source.js';
import { BackgroundTasksHost } from '../shutdown/background-tasks-host.js';
import {
  listenToMessages,
  listenToRpcExceptions,
  microserviceHandlers,
  type ReceivedMessage,
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
    @Inject(BackgroundTasksHost) host: BackgroundTasksHost,
    @Inject(ModuleRef) moduleRef: ModuleRef,
  ) {
    bindToModules(resourceFactory, resourceFactoryIn, microserviceHandlers);
    listenToRpcExceptions((error) => calledUnit()?.fail(error));
    listenToMessages(modules, {
      received(message, handler) {
        const { request, hasPeerLeft } = message;
        const unit = new CalledUnit(scopes, describe(message), request, moduleRef, hasPeerLeft);
        attachScopeSource(request, unit);
        return units.run(unit, handler);
      },
      closing: () => host.drain(),
    });
  }
}

function describe({ isEvent, pattern }: ReceivedMessage): string {
  const name = typeof pattern === 'string' ? `"${pattern}"` : inspect(pattern, { breakLength: Infinity });
  return `${isEvent ? 'event' : 'message'} ${name}`;
}
