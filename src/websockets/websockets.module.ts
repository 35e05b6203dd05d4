import { Inject, Module } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { isStream } from '../errors/safely.js';
import { resourceFactory, resourceFactoryIn } from '../handlers/resource.decorator.js';
import { bindToModules } from '../nest/route-parameters.js';
import { CalledUnit, calledUnit } from '../scope/called-unit.js';
import { CalledUnits } from '../scope/called-units.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { gatewayHandlers, listenToGateways, listenToWsExceptions } from './nest-websockets.js';

/**
 * Gives the messages of WebSocket gateways tasks and resources, as requests have them. Import it beside
 * `BackgroundTasksModule.forRoot()`. A message, a connection and a disconnection each have their own. Tasks run once
 * the last answer has left.
 *
 * Nest keeps an instance of a request-scoped gateway as long as its socket, so such a gateway cannot inject
 * BackgroundTasks or a resource in its constructor: use `@Tasks()`, `@Resource()` and BackgroundTasksRef.
 */
@Module({})
export class WebSocketsBackgroundTasksModule {
  constructor(
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(CalledUnits) units: CalledUnits,
    @Inject(RequestScopes) scopes: RequestScopes,
    @Inject(ModuleRef) moduleRef: ModuleRef,
  ) {
    bindToModules(resourceFactory, resourceFactoryIn, gatewayHandlers);
    listenToWsExceptions({
      failed: (error) => calledUnit()?.fail(error),
      answering: (answer) => calledUnit()?.trackHandler(answer),
    });
    listenToGateways(modules, ({ description, client, isPlain, hasPeerLeft }, handler) => {
      const answer = async () => {
        const result = await handler();
        // Nest listens to no answers for a client that has left.
        return isStream(result) && hasPeerLeft() ? undefined : result;
      };
      // Nothing in a plain one can ask for anything of ours, if nobody uses the reference.
      if (isPlain && !scopes.usesRefInMessages) return units.callPlain(answer);
      // The socket is the same for all its messages, so each has a `REQUEST` of its own that leads to it.
      const unit = new CalledUnit(scopes, 'ws', description, new GatewayRequest(client), moduleRef, hasPeerLeft);
      return units.run(unit, answer);
    });
  }
}

/** The value of `REQUEST` in the resources of a message to a gateway. */
class GatewayRequest {
  constructor(
    /** The client's socket. */
    readonly client: object,
  ) {}
}
