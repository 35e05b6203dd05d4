export { GraphQLBackgroundTasksModule } from './graphql.module.js';
