import { type ConfigurableModuleAsyncOptions, ConfigurableModuleBuilder } from '@nestjs/common';
import { flag } from '../options/checks.js';
import type { WorkerThreadsModuleOptions } from './worker-threads-options.js';

/** The option beside the others: it is known when the module is imported, before a factory has run. */
interface ModuleExtras {
  /** Whether the module is global. @default true. `threadTask()` works in every module either way. */
  readonly isGlobal?: boolean;
}

/** Options of `WorkerThreadsModule.forRootAsync()`: `useFactory`, or a class of which Nest makes a factory. */
export type WorkerThreadsModuleAsyncOptions = ConfigurableModuleAsyncOptions<
  WorkerThreadsModuleOptions,
  keyof WorkerThreadsOptionsFactory
> &
  ModuleExtras;

/** A class for `useClass` or `useExisting` of `forRootAsync()`. */
export interface WorkerThreadsOptionsFactory {
  createWorkerThreadsOptions(): WorkerThreadsModuleOptions | Promise<WorkerThreadsModuleOptions>;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<WorkerThreadsModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createWorkerThreadsOptions')
    .setExtras<ModuleExtras>({ isGlobal: true }, (definition, { isGlobal }) => ({
      ...definition,
      global: isGlobal === undefined || flag('isGlobal', isGlobal),
    }))
    .build();
