import { type ConfigurableModuleAsyncOptions, ConfigurableModuleBuilder } from '@nestjs/common';
import { flag } from '../options/checks.js';
import type { BullMqOptions } from './options/bullmq-options.js';

/** The option that is known when the module is imported, and not only when a factory has run. */
interface ModuleExtras {
  /** Whether every module can inject what this one exports without an import. @default true. */
  readonly isGlobal?: boolean;
}

/** Options of `BullMqBackgroundTasksModule.forRoot()`. */
export type BullMqModuleOptions = BullMqOptions & ModuleExtras;

/** Options of `BullMqBackgroundTasksModule.forRootAsync()`. */
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
