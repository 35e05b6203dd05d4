import { inspect } from 'node:util';
import { safely } from '../errors/safely.js';
import type { TaskOptions } from '../options/task-options.js';
import { isMatcher, isPlain, type Matcher } from './matches.js';

/** Prints a task as a call, such as `sendMail('ada', { id: 7 })`, with the options where there are any. */
export function printedCall(name: string, args: readonly unknown[], options: TaskOptions): string {
  return `${name}(${args.map(printed).join(', ')})${printedOptions(options)}`;
}

/** Prints what was expected: without arguments, any will do. */
export function printedExpectation(name: string, args: readonly unknown[], options: TaskOptions): string {
  return args.length > 0 ? printedCall(name, args, options) : `${name}${printedOptions(options)}`;
}

function printedOptions(options: TaskOptions): string {
  return Object.keys(options).length > 0 ? ` with ${printed(options)}` : '';
}

function printed(value: unknown): string {
  const print = () => inspect(withPrintedMatchers(value), { depth: 5, breakLength: Infinity });
  return safely(print, '[a value that throws where it is printed]');
}

/** Has a matcher printed by its name, as in `{ id: Any<Number> }`, and not by its fields. */
function withPrintedMatchers(value: unknown): unknown {
  if (isMatcher(value)) return { [inspect.custom]: () => printedMatcher(value) };
  if (!isPlain(value)) return value;
  if (Array.isArray(value)) return value.map(withPrintedMatchers);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withPrintedMatchers(member)]));
}

function printedMatcher(matcher: Matcher): string {
  const name = matcher.toAsymmetricMatcher?.();
  return name ?? (matcher.sample === undefined ? String(matcher) : `${String(matcher)} ${printed(matcher.sample)}`);
}
