import { parseArgs } from 'node:util';
import { InvalidOptionError } from '../../errors/errors.js';
import type { BullMqOptions } from '../options/bullmq-options.js';
import type { Environment } from './run.js';

/** Reads the command line. @throws INVALID_OPTION, and what `parseArgs()` throws */
export function readArguments(args: readonly string[], environment: Environment): Invocation | 'help' {
  const [command, ...rest] = args;
  if (command === undefined || command === 'help' || args.includes('--help') || args.includes('-h')) return 'help';
  if (!isCommand(command)) {
    throw new InvalidOptionError('command', command, `Give one of ${Object.keys(OWN_OPTIONS).join(', ')}`);
  }
  const own = OWN_OPTIONS[command];
  const { values, positionals } = parseArgs({
    args: rest,
    options: pick(OPTIONS, [...COMMON, ...own]),
    allowPositionals: TAKE_ID.has(command),
    strict: true,
  }) as { readonly values: Values; readonly positionals: readonly string[] };
  const [id, ...more] = positionals;
  if (more.length > 0) throw new InvalidOptionError('id', more[0], 'Give one id');
  if (TAKE_ID.has(command) && (id === undefined) === !FILTERS.some((name) => values[name] !== undefined)) {
    throw new InvalidOptionError('id', id, `Give ${USAGE[command]}`);
  }
  return { command, id, values, address: addressOf(command, values, environment) };
}

/** An option wins over the environment. The address is checked where it is used. */
function addressOf(command: CommandName, values: Values, environment: Environment): Address {
  const given = values.connection !== undefined || values.postgres !== undefined;
  const connection = given ? values.connection : environment[CONNECTION_VARIABLE];
  const postgres = given ? values.postgres : environment[POSTGRES_VARIABLE];
  if (connection === undefined && postgres === undefined) {
    const fix = `Give --connection or --postgres, or set ${CONNECTION_VARIABLE} or ${POSTGRES_VARIABLE}`;
    throw new InvalidOptionError('connection', undefined, fix);
  }
  if (command === 'migrate' && postgres === undefined) {
    throw new InvalidOptionError('postgres', undefined, 'Redis has no schema');
  }
  return {
    ...(connection !== undefined && { connection }),
    ...(postgres !== undefined && { postgres }),
    ...(values['queue-name'] !== undefined && { queueName: values['queue-name'] }),
    ...(values.prefix !== undefined && { prefix: values.prefix }),
  } as Address;
}

/** A command with what it is given. */
export interface Invocation {
  readonly command: CommandName;
  readonly id: string | undefined;
  readonly values: Values;
  readonly address: Address;
}

/** The place of the queue. */
export type Address = BullMqOptions & { readonly postgres?: string };

/** The options of a command line. */
export interface Values {
  readonly connection?: string;
  readonly postgres?: string;
  readonly 'queue-name'?: string;
  readonly prefix?: string;
  readonly state?: string;
  readonly name?: string;
  readonly limit?: string;
  readonly offset?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export type CommandName = keyof typeof OWN_OPTIONS;

/** Passwords do not belong on a command line, which every user of the machine can read. */
export const CONNECTION_VARIABLE = 'BACKGROUND_TASKS_CONNECTION';
export const POSTGRES_VARIABLE = 'BACKGROUND_TASKS_POSTGRES';

const OPTIONS = {
  connection: { type: 'string' },
  postgres: { type: 'string' },
  'queue-name': { type: 'string' },
  prefix: { type: 'string' },
  state: { type: 'string' },
  name: { type: 'string' },
  limit: { type: 'string' },
  offset: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

const COMMON = ['connection', 'postgres', 'queue-name', 'prefix', 'json'] as const;

const OWN_OPTIONS = {
  list: ['state', 'name', 'limit', 'offset'],
  counts: [],
  retry: ['all', 'name'],
  discard: ['state', 'name'],
  schedules: [],
  'remove-schedule': [],
  migrate: [],
} as const satisfies Readonly<Record<string, readonly (keyof typeof OPTIONS)[]>>;

const TAKE_ID: ReadonlySet<string> = new Set(['retry', 'discard', 'remove-schedule']);
const FILTERS = ['all', 'state', 'name'] as const;

const USAGE: Readonly<Record<string, string>> = {
  retry: 'the id of a task, or --all, or --name and the name of a task',
  discard: 'the id of a task, or --state and a state',
  'remove-schedule': 'the id of a schedule',
};

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(OWN_OPTIONS, name);
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
