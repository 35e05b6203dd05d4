import { ConfigurableModuleBuilder } from '@nestjs/common';
import { flag } from '../options/checks.js';
import type { BullMqOptions } from './options/bullmq-options.js';

/** What stands beside the options: known when the module is imported, not when a factory has run. */
export interface BullMqModuleExtras {
  /** Whether every module can inject BullMqHealth, BullMqSchedules and BullMqBackend without an import. @default true. */
  readonly isGlobal?: boolean;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<BullMqOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createBullMqOptions')
    .setExtras<BullMqModuleExtras>({ isGlobal: true }, (definition, { isGlobal }) => ({
      ...definition,
      global: isGlobal === undefined || flag('isGlobal', isGlobal),
    }))
    .build();
