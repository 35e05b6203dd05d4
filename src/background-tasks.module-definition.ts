import { type ConfigurableModuleAsyncOptions, ConfigurableModuleBuilder } from '@nestjs/common';
import { flag } from './options/checks.js';
import type { BackgroundTasksModuleOptions } from './options/module-options.js';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<BackgroundTasksModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createBackgroundTasksOptions')
    .setExtras<BackgroundTasksModuleExtras>({ isGlobal: true }, (definition, { isGlobal }) => ({
      ...definition,
      global: isGlobal === undefined || flag('isGlobal', isGlobal),
    }))
    .build();

/** The option beside the others: it is known when the module is imported, before a factory has run. */
export interface BackgroundTasksModuleExtras {
  /** Whether every module can inject BackgroundTasks without an import. @default true. */
  readonly isGlobal?: boolean;
}

/** Options of `BackgroundTasksModule.forRootAsync()`: `useFactory`, or a class of which Nest makes a factory. */
export type BackgroundTasksModuleAsyncOptions = BackgroundTasksModuleExtras &
  ConfigurableModuleAsyncOptions<BackgroundTasksModuleOptions, keyof BackgroundTasksOptionsFactory>;

/** A class for `useClass` or `useExisting` of `forRootAsync()`. */
export interface BackgroundTasksOptionsFactory {
  createBackgroundTasksOptions(): BackgroundTasksModuleOptions | Promise<BackgroundTasksModuleOptions>;
}
