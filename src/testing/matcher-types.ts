import type {
  FirstOf,
  FunctionArguments,
  MethodArguments,
  MethodName,
  NotInferred,
  TaskCallable,
  TaskTarget,
} from '../tasks/task-arguments.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import type { Matching } from './matches.js';

// Vitest and `@types/jest` both have this interface, and neither has to be installed.
declare global {
  namespace jest {
    // Each declaration needs the same parameters.
    interface Matchers<R, T = {}> {
      /** Passes if that function (or method) was added, with those arguments where any are named. */
      toHaveAdded<Target, T extends object = NotInferred, K extends MethodName<T> = MethodName<T>>(
        target: Target & TaskTarget<T>,
        method: K,
        ...args: FirstOf<MethodArguments<T, K>>
      ): R;
      toHaveAdded<Args extends unknown[], Params = NotInferred, Members = NotInferred>(
        fn: TaskCallable<Args, Params, Members>,
        ...args: FirstOf<FunctionArguments<Args, Params, Members>>
      ): R;
      /** Passes if a task of that definition was enqueued, with exactly that payload where one is named. */
      toHaveEnqueued<Input, Output>(
        definition: TaskDefinition<Input, Output>,
        ...payload: [payload?: NoInfer<Matching<Input>>]
      ): R;
    }
  }
}

/** The matchers, for the `expect` of another library: `interface Matchers<R> extends BackgroundTasksMatchers<R> {}`. */
export type BackgroundTasksMatchers<R = void> = Pick<jest.Matchers<R>, 'toHaveAdded' | 'toHaveEnqueued'>;
