import { ConfigurableModuleBuilder } from '@nestjs/common';
import { flag } from './options/checks.js';
import type { BackgroundTasksModuleOptions } from './options/module-options.js';

/** What stands beside the options: known when the module is imported, not when a factory has run. */
export interface BackgroundTasksModuleExtras {
  /** Whether every module can inject BackgroundTasks without an import. @default true. */
  readonly isGlobal?: boolean;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<BackgroundTasksModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createBackgroundTasksOptions')
    .setExtras<BackgroundTasksModuleExtras>({ isGlobal: true }, (definition, { isGlobal }) => ({
      ...definition,
      global: isGlobal === undefined || flag('isGlobal', isGlobal),
    }))
    .build();
