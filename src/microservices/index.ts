export { MicroservicesBackgroundTasksModule } from './microservices.module.js';
