export type { InspectorModuleOptions, InspectorRequest } from './inspector-options.js';
export { BackgroundTasksInspectorModule } from './inspector.module.js';
export type { InspectorModuleAsyncOptions, InspectorOptionsFactory } from './inspector.module-definition.js';
