import { Inject } from '@nestjs/common';
import { MARKED, UnitsOfWork } from '../scope/units-of-work.js';

/**
 * Makes each call of a method a unit of work: its tasks run when it has returned, and its resources are released after
 * them. For what no request calls: `@Cron()`, `@OnEvent()`, handlers of commands and events, processors of jobs. The
 * caller gets the result before the tasks run, as the client of a request gets its response.
 *
 * Within a request, a message, a task or another unit of work, the call is a part of that: its tasks are added there, and
 * a request waits for it.
 *
 * A returned Observable keeps the unit open while somebody reads it. A unit without a subscription ends with the turn of the
 * event loop; a subscription that comes later is a call of its own.
 *
 * An instance that Nest did not construct, as in a unit test or from `useFactory`, has its method called and no unit.
 *
 * @throws NOT_REGISTERED at start-up, without `BackgroundTasksModule`; SHUTTING_DOWN, from tasks and resources
 */
export function UnitOfWork(): MethodDecorator {
  return (prototype, key, descriptor) => {
    const method = descriptor.value as unknown as Method;
    const description = `${prototype.constructor.name}.${String(key)}()`;
    Object.defineProperty(prototype, MARKED, { value: description, configurable: true });
    // Instances of every scope have it then, also those of modules that are loaded lazily.
    Inject(UnitsOfWork)(prototype, UNITS);
    const called = {
      // A function with a name of its own, as Nest and others name it in logs.
      [key](this: { readonly [UNITS]?: UnitsOfWork }, ...args: unknown[]) {
        const units = this[UNITS];
        // A test may construct an instance by itself. Without a unit, BackgroundTasksRef says so.
        return units ? units.run(this, description, () => method.apply(this, args)) : method.apply(this, args);
      },
    }[key as string]!;
    // Decorators below this one have marked the function, such as `@Cron()`.
    for (const metadata of Reflect.getMetadataKeys(method) as unknown[])
      Reflect.defineMetadata(metadata, Reflect.getMetadata(metadata, method), called);
    Object.defineProperty(called, 'length', { value: method.length, configurable: true });
    descriptor.value = called as never;
  };
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

const UNITS = Symbol('nestjs-background-tasks:units-of-work');
