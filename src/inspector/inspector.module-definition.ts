import { type ConfigurableModuleAsyncOptions, ConfigurableModuleBuilder } from '@nestjs/common';
import { inspectorController } from './inspector.controller.js';
import { type InspectorModuleOptions, pathRule } from './inspector-options.js';

/** The option beside the others: it is known when the module is imported, before a factory has run. */
interface ModuleExtras {
  /** The path of the page. A global prefix stands before it. @default 'background-tasks' */
  readonly path?: string;
}

/** Options of `BackgroundTasksInspectorModule.forRootAsync()`: `useFactory`, or a class of which Nest makes a factory. */
export type InspectorModuleAsyncOptions = ConfigurableModuleAsyncOptions<
  InspectorModuleOptions,
  keyof InspectorOptionsFactory
> &
  ModuleExtras;

/** A class for `useClass` or `useExisting` of `forRootAsync()`. */
export interface InspectorOptionsFactory {
  createInspectorOptions(): InspectorModuleOptions | Promise<InspectorModuleOptions>;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<InspectorModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createInspectorOptions')
    .setExtras<ModuleExtras>({ path: 'background-tasks' }, (definition, extras) => ({
      ...definition,
      controllers: [inspectorController(pathRule('path', extras.path ?? 'background-tasks'))],
    }))
    .build();
