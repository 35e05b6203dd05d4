import type { IncomingHttpHeaders } from 'node:http';
import { type Check, checkAll, nonEmptyString, oneOf } from '../options/checks.js';
import { InvalidOptionError } from '../errors/errors.js';

/** A request to the page, as the framework has it. Annotate it with the type of Express or of Fastify. */
export interface InspectorRequest {
  readonly headers: IncomingHttpHeaders;
  readonly user?: unknown;
}

interface CommonOptions {
  /**
   * Number of requests, messages and units of work that are kept, the latest. Each takes about 2 KB. @default 500. The most is
   * 10000.
   */
  readonly capacity?: number;
  /**
   * The address of bull-board in this application, such as `/queues`. The page then links to the job of a named task
   * there. @default no link
   */
  readonly bullBoard?: string;
}

/** Options of `BackgroundTasksInspectorModule.forRoot()`: one of `authorize` and `unsafe` is required. */
export type InspectorModuleOptions = CommonOptions &
  (
    | {
        /**
         * Whether this request may see the page and its data. Anything but `true`, or an error, is answered with 403.
         */
        authorize(request: InspectorRequest): boolean | Promise<boolean>;
        readonly unsafe?: never;
      }
    | {
        readonly authorize?: never;
        /**
         * Answers whoever asks from this machine, by a loopback address and under a loopback name, and not through a
         * proxy. For development.
         */
        readonly unsafe: 'loopback-only';
      }
  );

/** The options, resolved once. */
export class InspectorSettings {
  readonly capacity: number;
  /** Without a slash at its end. */
  readonly bullBoard: string | undefined;
  readonly authorize: ((request: InspectorRequest) => unknown) | 'loopback-only';

  /** @throws INVALID_OPTION */
  constructor(options: unknown) {
    const {
      authorize,
      unsafe,
      capacity = 500,
      bullBoard,
    } = checkAll<GivenOptions>('', options, {
      authorize: authorizeRule,
      unsafe: oneOf('loopback-only'),
      capacity: capacityRule,
      bullBoard: addressRule,
    });
    if ((authorize === undefined) === (unsafe === undefined)) {
      const fix =
        'Give a function that says who may see the page, authorize: (request) => …, or, for development, ' +
        "unsafe: 'loopback-only' in its place.";
      throw new InvalidOptionError('authorize', authorize, fix);
    }
    this.capacity = capacity;
    this.bullBoard = bullBoard;
    this.authorize = authorize ?? 'loopback-only';
    Object.freeze(this);
  }
}

interface GivenOptions {
  readonly authorize?: (request: InspectorRequest) => unknown;
  readonly unsafe?: string;
  readonly capacity?: number;
  readonly bullBoard?: string;
}

const MAX_CAPACITY = 10_000;

/** Returns the path without slashes around it. @throws INVALID_OPTION */
export const pathRule: Check<string> = (option, value) => {
  const path = nonEmptyString(option, value).replace(/^\/+|\/+$/g, '');
  if (/^[\w-]+(\/[\w-]+)*$/.test(path)) return path;
  throw new InvalidOptionError(option, value, "Give a path of letters, digits, '-' and '_', such as 'admin/tasks'.");
};

const authorizeRule: Check<NonNullable<GivenOptions['authorize']>> = (option, value) => {
  if (typeof value === 'function') return value as NonNullable<GivenOptions['authorize']>;
  throw new InvalidOptionError(option, value, 'Give a function that returns true for whoever may see the page.');
};

const capacityRule: Check<number> = (option, value) => {
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MAX_CAPACITY)
    return value as number;
  throw new InvalidOptionError(option, value, `Give a whole number from 1 to ${MAX_CAPACITY}.`);
};

/** A link of the page may lead to a page, and never to a script. */
const addressRule: Check<string> = (option, value) => {
  const address = nonEmptyString(option, value).replace(/\/+$/, '');
  const url = URL.canParse(address, 'http://here') ? new URL(address, 'http://here') : undefined;
  if (/^(\/(?!\/)|https?:\/\/)/.test(address) && url?.search === '' && url.hash === '') return address;
  throw new InvalidOptionError(option, value, "Give the path of bull-board, such as '/queues', or its URL.");
};
