import { type ConfigurableModuleAsyncOptions, ConfigurableModuleBuilder } from '@nestjs/common';
import { flag } from '../options/checks.js';
import type { BullMqOptions } from './options/bullmq-options.js';

/** The option that stands beside the others: it is known when the module is imported, not when a factory has run. */
interface ModuleExtras {
  /** Whether every module can inject BullMqHealth, BullMqSchedules and BullMqBackend without an import. @default true. */
  readonly isGlobal?: boolean;
}

/** Options of `BullMqBackgroundTasksModule.forRoot()`. */
export type BullMqModuleOptions = BullMqOptions & ModuleExtras;

/** Options of `BullMqBackgroundTasksModule.forRootAsync()`: `useFactory`, or a class of which Nest makes a factory. */
export type BullMqModuleAsyncOptions = ConfigurableModuleAsyncOptions<BullMqOptions, keyof BullMqOptionsFactory> &
  ModuleExtras;

/** A class for `useClass` or `useExisting` of `forRootAsync()`. */
export interface BullMqOptionsFactory {
  createBullMqOptions(): BullMqOptions | Promise<BullMqOptions>;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<BullMqOptions>()
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createBullMqOptions')
  .setExtras<ModuleExtras>({ isGlobal: true }, (definition, { isGlobal }) => ({
    ...definition,
    global: isGlobal === undefined || flag('isGlobal', isGlobal),
  }))
  .build();
