import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { WorkerThreadsModuleOptions } from './worker-threads-options.js';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<WorkerThreadsModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createWorkerThreadsOptions')
    .build();
