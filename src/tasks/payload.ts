import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { JsonValue } from '../contracts/json.js';
import { describeKind } from '../describe-value.js';
import { InvalidPayloadError } from '../named-task-errors.js';
import type { TaskDefinition } from './define-task.js';

/** Far deeper than any payload, well before the parsers of other processes give up. */
const MAX_DEPTH = 500;

/** A lone surrogate, or NUL: PostgreSQL stores neither. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** How much of a member's name an error message shows. */
const MAX_KEY_LENGTH = 40;

/**
 * Copies a payload into the JSON text that every backend carries. What would arrive as something
 * else is refused, here and on every backend alike; members that are `undefined` are left out, as JSON does.
 *
 * @throws INVALID_PAYLOAD
 */
export function writePayload(name: string, payload: unknown, maxBytes: number): string {
  const text = JSON.stringify(new PayloadCopy(name, maxBytes).copy(payload, '$', []));
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw tooLarge(name, `${bytes} bytes`, maxBytes);
  return text;
}

/** Checks a payload by the schema of its task. Returns what the handler is given. @throws INVALID_PAYLOAD */
export function checkPayload({ name, schema }: TaskDefinition, payload: JsonValue): unknown {
  if (!schema) return payload;
  const result = schema['~standard'].validate(payload);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new InvalidPayloadError(name, '$', 'is checked by a schema that is asynchronous, which enqueue() cannot wait for');
  }
  if (!result.issues) return result.value;
  throw new InvalidPayloadError(name, pathOf(result.issues[0]), 'is not what the schema of the task asks for');
}

/** Reads each member once, so that what was checked is what is sent. */
class PayloadCopy {
  #size = 0;

  constructor(
    private readonly name: string,
    private readonly maxBytes: number,
  ) {}

  copy(value: unknown, path: string, ancestors: readonly object[]): JsonValue {
    this.#count(1);
    if (value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.#text(value, path);
    if (typeof value === 'number') {
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      throw this.#refuse(path, `is ${Object.is(value, -0) ? '-0' : String(value)}, which JSON cannot say`);
    }
    if (typeof value !== 'object') throw this.#refuse(path, `is ${describeKind(value)}, which JSON cannot say`);
    if (ancestors.includes(value)) throw this.#refuse(path, 'leads back to itself');
    if (ancestors.length >= MAX_DEPTH) throw this.#refuse(path, `is more than ${MAX_DEPTH} levels deep`);
    const inside = [...ancestors, value];
    return Array.isArray(value) ? this.#array(value, path, inside) : this.#object(value, path, inside);
  }

  #array(value: readonly unknown[], path: string, ancestors: readonly object[]): JsonValue {
    const keys = Reflect.ownKeys(value).length - 1;
    if (keys !== value.length || Object.getPrototypeOf(value) !== Array.prototype) {
      throw this.#refuse(path, 'is an array with holes, or with more than its elements');
    }
    return Array.from(value, (element, index) => this.copy(element, `${path}[${index}]`, ancestors));
  }

  #object(value: object, path: string, ancestors: readonly object[]): JsonValue {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw this.#refuse(path, `is ${describeKind(value)}, and would arrive as a plain object or a string`);
    }
    const copy: Record<string, JsonValue> = {};
    for (const key of Reflect.ownKeys(value)) {
      if (typeof key === 'symbol') throw this.#refuse(path, 'has a member whose key is a symbol');
      const memberPath = path + pathStep(key);
      // Whoever merges it into another object would change what all objects have.
      if (key === '__proto__') throw this.#refuse(memberPath, 'has a name that can change the prototype of objects');
      this.#text(key, memberPath);
      const member: unknown = (value as Record<string, unknown>)[key];
      if (member !== undefined) copy[key] = this.copy(member, memberPath, ancestors);
    }
    const maker = copy.constructor as unknown;
    if (Object.hasOwn(copy, 'constructor') && typeof maker === 'object' && maker !== null && Object.hasOwn(maker, 'prototype')) {
      throw this.#refuse(`${path}.constructor.prototype`, 'has a name that can change the prototype of objects');
    }
    return copy;
  }

  #text(value: string, path: string): string {
    this.#count(value.length);
    if (UNSTORABLE.test(value)) {
      throw this.#refuse(path, 'has a lone surrogate or a NUL character, which not every backend can carry');
    }
    return value;
  }

  /** Gives up long before something enormous has been copied. */
  #count(characters: number): void {
    this.#size += characters;
    if (this.#size > this.maxBytes) throw tooLarge(this.name, 'more', this.maxBytes);
  }

  #refuse(path: string, problem: string): InvalidPayloadError {
    return new InvalidPayloadError(this.name, path, problem);
  }
}

function tooLarge(name: string, size: string, maxBytes: number): InvalidPayloadError {
  return new InvalidPayloadError(name, '$', `takes ${size}, and maxPayloadBytes is ${maxBytes}`);
}

function pathStep(key: string): string {
  const shown = key.length > MAX_KEY_LENGTH ? `${key.slice(0, MAX_KEY_LENGTH)}…` : key;
  return /^[\w$]+$/.test(shown) ? `.${shown}` : `[${JSON.stringify(shown)}]`;
}

function pathOf(issue: StandardSchemaV1.Issue | undefined): string {
  const keys = (issue?.path ?? []).map((step) => (typeof step === 'object' ? step.key : step));
  return keys.reduce<string>((path, key) => path + (typeof key === 'number' ? `[${key}]` : pathStep(String(key))), '$');
}
