export { WebSocketsBackgroundTasksModule } from './websockets.module.js';
