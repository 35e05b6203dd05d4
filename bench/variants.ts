import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { BackgroundTasksModule } from 'nestjs-background-tasks';
import { BullMqBackgroundTasksModule } from 'nestjs-background-tasks/bullmq';
import * as byHand from './variants/by-hand.js';
import * as enqueueing from './variants/enqueueing.js';
import * as nest from './variants/nest-request-scope.js';
import * as observed from './variants/observed.js';
import * as ours from './variants/ours.js';

/** One server to measure: what it imports, provides and routes. Every route answers `GET /` with the same body. */
interface Variant {
  readonly controller: Type;
  readonly providers?: DynamicModule['providers'];
  readonly imports?: DynamicModule['imports'];
}

@Module({})
class Root {}

const withTasks = () => [BackgroundTasksModule.forRoot()];
const withQueue = () => [
  ...withTasks(),
  BullMqBackgroundTasksModule.forRoot({ connection: enqueueing.redisUrl, worker: false }),
];

function withResource(levels: number): Variant {
  return { controller: ours.deep(levels), providers: ours.chain, imports: withTasks() };
}

function withNestScope(levels: number): Variant {
  return { controller: nest.deep(levels), providers: nest.chain };
}

export const variants = {
  bare: { controller: byHand.Bare },
  'imported, unused': { controller: byHand.Bare, imports: withTasks() },
  'unused, reference injected elsewhere': {
    controller: byHand.Bare,
    providers: [ours.AuditLog],
    imports: withTasks(),
  },
  "res.on('finish')": { controller: byHand.OnFinish },
  setImmediate: { controller: byHand.Immediate },
  'event-emitter': {
    controller: byHand.Emitting,
    providers: [byHand.Listener],
    imports: [EventEmitterModule.forRoot()],
  },
  '@Tasks(), 1 task': { controller: ours.OneTask, imports: withTasks() },
  'empty observer, 1 task': { controller: ours.OneTask, imports: observed.byNothing() },
  'inspector, 1 task': { controller: ours.OneTask, imports: observed.byInspector() },
  'Prometheus, 1 task': { controller: ours.OneTask, imports: observed.byPrometheus() },
  'OpenTelemetry, 1 task': { controller: ours.OneTask, imports: observed.byOpenTelemetry() },
  '@Tasks(), 5 tasks': { controller: ours.FiveTasks, imports: withTasks() },
  'BackgroundTasksRef, 1 task': { controller: ours.ThroughRef, imports: withTasks() },
  'constructor, 1 task': { controller: ours.Injected, imports: withTasks() },
  'empty Scope.REQUEST provider': { controller: nest.WithEmpty, providers: [nest.Empty] },
  'resource by constructor, 1 task': { controller: ours.WithSession, providers: [ours.session], imports: withTasks() },
  'same factory, undisposed': { controller: nest.WithPlainSession, providers: [nest.plainSession] },
  '@Resource() 1 deep, 1 task': withResource(1),
  '@Resource() 2 deep, 1 task': withResource(2),
  '@Resource() 3 deep, 1 task': withResource(3),
  '@Resource() 4 deep, 1 task': withResource(4),
  '@Resource() 5 deep, 1 task': withResource(5),
  'Nest request scope 1 deep': withNestScope(1),
  'Nest request scope 2 deep': withNestScope(2),
  'Nest request scope 3 deep': withNestScope(3),
  'Nest request scope 4 deep': withNestScope(4),
  'Nest request scope 5 deep': withNestScope(5),
  '10 disposers': { controller: nest.WithTen, providers: nest.ten(true), imports: withTasks() },
  '10 providers, undisposed': { controller: nest.WithTen, providers: nest.ten(false) },
  '10 registered, 3 used': { controller: nest.WithThree, providers: nest.registered(10), imports: withTasks() },
  '100 registered, 3 used': { controller: nest.WithThree, providers: nest.registered(100), imports: withTasks() },
  '10 registered, 3 used, Nest alone': { controller: nest.WithThree, providers: nest.registered(10) },
  '1000 registered, 3 used, Nest alone': { controller: nest.WithThree, providers: nest.registered(1_000) },
  '1000 registered, 3 used': { controller: nest.WithThree, providers: nest.registered(1_000), imports: withTasks() },
  '1 task enqueued': { controller: enqueueing.EnqueueOne, providers: [enqueueing.WorkHandler], imports: withQueue() },
  '1 job by hand': { controller: enqueueing.AddOne },
  '10 tasks enqueued': { controller: enqueueing.EnqueueTen, providers: [enqueueing.WorkHandler], imports: withQueue() },
  '10 jobs by hand': { controller: enqueueing.AddTen },
  '10 jobs by hand, enveloped': { controller: enqueueing.AddTenEnveloped },
} satisfies Record<string, Variant>;

export type VariantName = keyof typeof variants;

export function rootModule(name: VariantName): DynamicModule {
  const { controller, providers = [], imports = [] }: Variant = variants[name];
  return { module: Root, controllers: [controller], providers, imports };
}
