import { InvalidOptionError } from '../errors/errors.js';
import { isInstance } from '../errors/safely.js';
import type { TaskDefinition } from '../tasks/task-definition.js';
import { printedTask } from './printed-call.js';
import { RecordingBackgroundTasks } from './recording-background-tasks.js';
import { listOf, TaskNotRecordedError } from './testing-errors.js';

/**
 * Matchers for Vitest and Jest, which compare as `assertAdded()` and `assertEnqueued()` do:
 *
 * ```ts
 * expect.extend(backgroundTasksMatchers);
 * expect(recorded).toHaveAdded(sendMail, 'ada@example.org');
 * expect(recorded).not.toHaveEnqueued(SendInvoice);
 * ```
 */
export const backgroundTasksMatchers = {
  toHaveAdded(received: unknown, ...call: unknown[]): MatcherResult {
    const recorded = recordingOf('toHaveAdded', received);
    const assertAdded = recorded.assertAdded.bind(recorded) as (...args: unknown[]) => void;
    return resultOf(recorded, 'added', () => assertAdded(...call));
  },
  toHaveEnqueued(received: unknown, definition: unknown, ...payload: [payload?: unknown]): MatcherResult {
    const recorded = recordingOf('toHaveEnqueued', received);
    return resultOf(recorded, 'enqueued', () =>
      recorded.assertEnqueued(definition as TaskDefinition<unknown, unknown>, ...payload),
    );
  },
};

/** The answer of a matcher. */
export interface MatcherResult {
  readonly pass: boolean;
  /** Says what was expected and lists what was recorded, also for `.not`. */
  readonly message: () => string;
}

function recordingOf(matcher: string, received: unknown): RecordingBackgroundTasks {
  if (isInstance(received, RecordingBackgroundTasks)) return received;
  throw new InvalidOptionError('expect()', received, `${matcher}() is for a RecordingBackgroundTasks: give it that.`);
}

function resultOf(recorded: RecordingBackgroundTasks, what: 'added' | 'enqueued', assert: () => void): MatcherResult {
  try {
    assert();
  } catch (error) {
    if (!isInstance(error, TaskNotRecordedError)) throw error;
    return { pass: false, message: () => error.message };
  }
  const found = () => listOf(recorded[what].map(printedTask));
  return { pass: true, message: () => `Expected that task not to be ${what}, but these were: ${found()}.` };
}
