import { LazyModuleLoader, ModuleRef, NestApplicationContext } from '@nestjs/core';
import { ExceptionsHandler } from '@nestjs/core/exceptions/exceptions-handler.js';
import { InterceptorsConsumer } from '@nestjs/core/interceptors/interceptors-consumer.js';
import { InterceptorsContextCreator } from '@nestjs/core/interceptors/interceptors-context-creator.js';
import { Injector, InstanceWrapper, Module } from '@nestjs/core/internal';
import { RouterExecutionContext } from '@nestjs/core/router/router-execution-context.js';
import { RouterExplorer } from '@nestjs/core/router/router-explorer.js';
import { Test } from '@nestjs/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackgroundTasksModule } from '../../src/index.js';
import { platforms } from '../support/platforms.js';

describe.each(platforms)('an adapter that is made otherwise on $name', (platform) => {
  it.each([
    'reply',
    'render',
    'redirect',
    'createMiddlewareFactory',
    'setNotFoundHandler',
    'setOnRequestHook',
    'get',
    'search',
  ])('stops the start-up where it has no %s(), and names it', async (method) => {
    const changed = Object.assign(platform.adapter(), { [method]: undefined });

    const module = await Test.createTestingModule({ imports: [BackgroundTasksModule.forRoot()] }).compile();
    const starting = module.createNestApplication(changed).init();

    await expect(starting).rejects.toMatchObject({ code: 'UNSUPPORTED_NEST' });
    await expect(starting).rejects.toThrow(`${platform.name}Adapter.${method}()`);
  });
});

describe('a Nest that is made otherwise', () => {
  it.each([
    { owner: LazyModuleLoader, member: 'load', named: 'LazyModuleLoader.load()' },
    { owner: Module, member: 'distance', named: 'Module.distance' },
    { owner: ModuleRef, member: 'registerRequestByContextId', named: 'ModuleRef.registerRequestByContextId()' },
    { owner: Injector, member: 'loadCtorMetadata', named: 'Injector.loadCtorMetadata()' },
    { owner: NestApplicationContext, member: 'callInitHook', named: 'NestApplicationContext.callInitHook()' },
    { owner: InstanceWrapper, member: 'cloneStaticInstance', named: 'InstanceWrapper.cloneStaticInstance()' },
    {
      owner: RouterExecutionContext,
      member: 'exchangeKeysForValues',
      named: 'RouterExecutionContext.exchangeKeysForValues()',
    },
    { owner: RouterExplorer, member: 'getContextId', named: 'RouterExplorer.getContextId()' },
    { owner: InterceptorsConsumer, member: 'intercept', named: 'InterceptorsConsumer.intercept()' },
    {
      owner: InterceptorsContextCreator,
      member: 'getGlobalMetadata',
      named: 'InterceptorsContextCreator.getGlobalMetadata()',
    },
    { owner: ExceptionsHandler, member: 'setCustomFilters', named: 'ExceptionsHandler.setCustomFilters()' },
  ])('stops the start-up where there is no $named, and names it', async ({ owner, member, named }) => {
    const { prototype } = owner as { prototype: object };
    const original = Object.getOwnPropertyDescriptor(prototype, member)!;
    onTestFinished(() => void Object.defineProperty(prototype, member, original));
    const lackingFromHere = () => {
      Reflect.deleteProperty(prototype, member);
      return {};
    };

    const starting = Test.createTestingModule({
      imports: [BackgroundTasksModule.forRootAsync({ useFactory: lackingFromHere })],
    }).compile();

    await expect(starting).rejects.toMatchObject({ code: 'UNSUPPORTED_NEST' });
    await expect(starting).rejects.toThrow(named);
  });
});
