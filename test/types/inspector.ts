import type { Request } from 'express';
import { BackgroundTasksInspectorModule } from '../../src/inspector/index.js';

// One of the two says who may see the page.
BackgroundTasksInspectorModule.forRoot({ unsafe: 'loopback-only' });
BackgroundTasksInspectorModule.forRoot({ authorize: () => true, capacity: 100, path: 'admin/tasks' });
BackgroundTasksInspectorModule.forRoot({ authorize: async ({ headers, user }) => headers.cookie !== '' && user === 1 });
// The request of a framework can be named.
BackgroundTasksInspectorModule.forRoot({ authorize: (request: Request) => request.ip === '::1' });
BackgroundTasksInspectorModule.forRootAsync({ path: 'tasks', useFactory: () => ({ authorize: () => true }) });

// @ts-expect-error -- nobody is named
BackgroundTasksInspectorModule.forRoot({});
// @ts-expect-error -- both are
BackgroundTasksInspectorModule.forRoot({ authorize: () => true, unsafe: 'loopback-only' });
// @ts-expect-error -- not the choice
BackgroundTasksInspectorModule.forRoot({ unsafe: true });
// @ts-expect-error -- a string is no decision
BackgroundTasksInspectorModule.forRoot({ authorize: () => 'yes' });
