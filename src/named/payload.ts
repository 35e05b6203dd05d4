import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { JsonValue } from '../contracts/task-envelope.js';
import { describeKind } from '../errors/describe-value.js';
import { InvalidPayloadError } from '../errors/named-task-errors.js';
import { isPromise, safely } from '../errors/safely.js';
import type { TaskDefinition } from '../tasks/task-definition.js';

/** Deeper than any real payload, and less than the parsers of other processes can read. */
const MAX_DEPTH = 500;

/** Characters of a member's name that an error message shows. */
const MAX_KEY_LENGTH = 40;

/** Bytes of JSON for a character at most (`\u001f`), and for any other value: a number, or a comma and two braces. */
const MAX_BYTES_A_CHARACTER = 6;
const MAX_BYTES_A_VALUE = 30;

/**
 * Copies a payload as it will arrive. A value that would arrive as something else is refused, the same for every
 * backend. Members that are `undefined` are left out, as JSON does. `what` names the payload in errors.
 *
 * @throws INVALID_PAYLOAD
 */
export function copyPayload(what: string, payload: unknown, maxBytes: number): JsonValue {
  const copying = new PayloadCopy(what, maxBytes);
  const copy = copying.copy(payload);
  if (copying.mayBeTooLarge) {
    const bytes = Buffer.byteLength(JSON.stringify(copy));
    if (bytes > maxBytes) throw tooLarge(what, `${bytes} bytes`, maxBytes);
  }
  return copy;
}

/** Copies and checks the payload of a named task, as `enqueue` is given it. @throws INVALID_PAYLOAD */
export function payloadToSend(definition: TaskDefinition, payload: unknown, maxBytes: number): JsonValue {
  const copy = copyPayload(payloadOf(definition.name), payload, maxBytes);
  checkPayload(definition, copy);
  return copy;
}

const payloadOf = (name: string): string => `The payload of task "${name}"`;

/** Checks a payload by the schema of its task. Returns what the handler is given. @throws INVALID_PAYLOAD */
export function checkPayload({ name, schema }: TaskDefinition, payload: JsonValue): unknown {
  if (!schema) return payload;
  const verdict = safely(() => verdictOf(schema['~standard'].validate(payload)), BROKEN_SCHEMA);
  if (verdict.problem !== undefined) {
    throw new InvalidPayloadError(payloadOf(name), verdict.path, verdict.problem, verdict.fix);
  }
  return verdict.value;
}

/** The answer of a schema: the value for the handler, or what is wrong with the payload. */
type Verdict =
  | { readonly value: unknown; readonly problem?: undefined }
  | { readonly path: string; readonly problem: string; readonly fix: string };

/** The error that it threw is not kept: it may show the payload. */
const BROKEN_SCHEMA: Verdict = {
  path: '$',
  problem: 'cannot be checked: the schema of the task threw, or gave no result of a Standard Schema',
  fix: 'Let the schema report issues and not throw.',
};

/** Reads the answer of a schema, and throws if it is none. */
function verdictOf(answer: unknown): Verdict {
  if (isPromise(answer)) {
    answer.catch(() => undefined);
    const problem = 'is checked by a schema that is asynchronous, which enqueue() cannot wait for';
    return { path: '$', problem, fix: 'Use a schema that is synchronous.' };
  }
  const { issues, value } = answer as { readonly issues?: readonly StandardSchemaV1.Issue[]; readonly value?: unknown };
  if (!issues) return 'value' in (answer as object) ? { value } : BROKEN_SCHEMA;
  const path = (issues[0]?.path ?? []).map((step) => (typeof step === 'object' ? step.key : step));
  return {
    path: pathOf(path),
    problem: 'is not what the schema of the task asks for',
    fix: 'Give what the schema takes.',
  };
}

/** Copies a payload and checks it. Reads each member once, so that the value checked is the value sent. */
class PayloadCopy {
  #characters = 0;
  #values = 0;
  /** The objects that the value being copied lies in, and the way to it from the outermost. */
  readonly #ancestors: object[] = [];
  readonly #steps: (string | number)[] = [];

  constructor(
    private readonly what: string,
    private readonly maxBytes: number,
  ) {}

  /** Whether the copy has to be written as JSON to know its size. */
  get mayBeTooLarge(): boolean {
    return this.#characters * MAX_BYTES_A_CHARACTER + this.#values * MAX_BYTES_A_VALUE > this.maxBytes;
  }

  copy(value: unknown): JsonValue {
    this.#values++;
    this.#count(0);
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'number') {
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      throw this.#refuse(`is ${Object.is(value, -0) ? '-0' : String(value)}, which JSON cannot say`);
    }
    if (typeof value !== 'object') throw this.#refuse(`is ${describeKind(value)}, which JSON cannot say`);
    if (this.#ancestors.includes(value)) throw this.#refuse('leads back to itself');
    if (this.#ancestors.length >= MAX_DEPTH) throw this.#refuse(`is more than ${MAX_DEPTH} levels deep`);
    this.#ancestors.push(value);
    const copy = this.#isArray(value) ? this.#array(value) : this.#object(value);
    this.#ancestors.pop();
    return copy;
  }

  #array(value: readonly unknown[]): JsonValue {
    const length = this.#read(value, 'length') as number;
    if (this.#keysOf(value).length - 1 !== length || this.#prototypeOf(value) !== Array.prototype) {
      throw this.#refuse('is an array with holes, or with more than its elements');
    }
    const copy: JsonValue[] = [];
    for (let index = 0; index < length; index++) {
      this.#steps.push(index);
      copy.push(this.copy(this.#read(value, index)));
      this.#steps.pop();
    }
    return copy;
  }

  #object(value: object): JsonValue {
    const prototype = this.#prototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw this.#refuse(`is ${describeKind(value)}, and would arrive as a plain object or a string`);
    }
    const copy: Record<string, JsonValue> = {};
    for (const key of this.#keysOf(value)) {
      if (typeof key === 'symbol') throw this.#refuse('has a member whose key is a symbol');
      this.#steps.push(key);
      // Code that merges it into another object would change the prototype of all objects.
      if (key === '__proto__') throw this.#refuse('has a name that can change the prototype of objects');
      this.#text(key);
      const member = this.#read(value, key);
      if (member !== undefined) copy[key] = this.copy(member);
      this.#steps.pop();
    }
    const maker = copy.constructor as unknown;
    if (
      Object.hasOwn(copy, 'constructor') &&
      typeof maker === 'object' &&
      maker !== null &&
      Object.hasOwn(maker, 'prototype')
    ) {
      this.#steps.push('constructor', 'prototype');
      throw this.#refuse('has a name that can change the prototype of objects');
    }
    return copy;
  }

  #text(value: string): string {
    this.#count(value.length);
    // PostgreSQL stores neither.
    if (!value.isWellFormed() || value.includes('\0')) {
      throw this.#refuse('has a lone surrogate or a NUL character, which not every backend can carry');
    }
    return value;
  }

  /** Gives up long before something enormous has been copied. */
  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters + this.#values > this.maxBytes) throw tooLarge(this.what, 'more', this.maxBytes);
  }

  // A proxy may throw at each of these, and a getter at the last.

  #isArray(value: object): value is readonly unknown[] {
    try {
      return Array.isArray(value);
    } catch {
      throw this.#unreadable();
    }
  }

  #prototypeOf(value: object): unknown {
    try {
      return Object.getPrototypeOf(value);
    } catch {
      throw this.#unreadable();
    }
  }

  #keysOf(value: object): readonly (string | symbol)[] {
    try {
      return Reflect.ownKeys(value);
    } catch {
      throw this.#unreadable();
    }
  }

  #read(value: object, key: PropertyKey): unknown {
    try {
      return (value as Record<PropertyKey, unknown>)[key];
    } catch {
      throw this.#unreadable();
    }
  }

  /** The error that the getter or the proxy threw is not kept: it may show what the payload holds. */
  #unreadable(): InvalidPayloadError {
    return this.#refuse('cannot be read: a getter or a proxy throws there');
  }

  #refuse(problem: string): InvalidPayloadError {
    return new InvalidPayloadError(this.what, pathOf(this.#steps), problem);
  }
}

function tooLarge(what: string, size: string, maxBytes: number): InvalidPayloadError {
  return new InvalidPayloadError(what, '$', `takes ${size}, and maxPayloadBytes is ${maxBytes}`);
}

function pathStep(key: string): string {
  const shown = key.length > MAX_KEY_LENGTH ? `${key.slice(0, MAX_KEY_LENGTH)}…` : key;
  return /^[\w$]+$/.test(shown) ? `.${shown}` : `[${JSON.stringify(shown)}]`;
}

function pathOf(steps: readonly PropertyKey[]): string {
  return steps.reduce<string>(
    (path, step) => path + (typeof step === 'number' ? `[${step}]` : pathStep(String(step))),
    '$',
  );
}
