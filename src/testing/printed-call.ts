import { inspect } from 'node:util';
import { safely } from '../errors/safely.js';
import type { TaskOptions } from '../options/task-options.js';
import type { RecordedNamedTask, RecordedTask } from './recorded-task.js';
import { isMatcher, isPlain, type Matcher } from './matches.js';

/** Prints a task as a call, such as `sendMail('ada', { id: 7 })`, with the options where there are any. */
export function printedCall(name: string, args: readonly unknown[], options: TaskOptions): string {
  return `${name}(${args.map(printed).join(', ')})${printedOptions(options)}`;
}

/** Prints a task that was recorded. */
export function printedTask(recorded: RecordedTask | RecordedNamedTask): string {
  const { task, options } = recorded;
  return printedCall(task.name, 'payload' in recorded ? [recorded.payload] : recorded.args, options);
}

/** Prints what was expected: without arguments, any will do. */
export function printedExpectation(name: string, args: readonly unknown[], options: TaskOptions): string {
  return args.length > 0 ? printedCall(name, args, options) : `${name}${printedOptions(options)}`;
}

function printedOptions(options: TaskOptions): string {
  return Object.keys(options).length > 0 ? ` with ${printed(options)}` : '';
}

/** Prints a value in one line. */
export function printed(value: unknown): string {
  const print = () =>
    inspect(withPrintedMatchers(value, DEPTH), { depth: DEPTH, breakLength: Infinity, compact: true });
  return safely(print, '[a value that throws where it is printed]');
}

/** Has a matcher printed by its name, as in `{ id: Any<Number> }`, and not by its fields. */
function withPrintedMatchers(value: unknown, depth: number): unknown {
  if (isMatcher(value)) return { [inspect.custom]: () => printedMatcher(value) };
  if (depth < 0 || !isPlain(value)) return value;
  if (Array.isArray(value)) return value.map((element) => withPrintedMatchers(element, depth - 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, withPrintedMatchers(member, depth - 1)]),
  );
}

/** Levels of an argument that are printed. An argument may contain itself. */
const DEPTH = 5;

function printedMatcher(matcher: Matcher): string {
  const name = matcher.toAsymmetricMatcher?.();
  return name ?? (matcher.sample === undefined ? String(matcher) : `${String(matcher)} ${printed(matcher.sample)}`);
}
