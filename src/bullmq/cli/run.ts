import { Logger } from '@nestjs/common';
import { askServer } from '../server/ask-server.js';
import { migrateBullMq } from '../server/migrate.js';
import { failureReason } from '../server/failure-reason.js';
import { openServer } from '../server/open-server.js';
import { resolveBullMqOptions } from '../options/resolve-bullmq-options.js';
import { BullMqTasks } from '../bullmq-tasks.js';
import { type Answer, commands } from './commands.js';
import { HELP } from './help.js';
import { type Invocation, readArguments } from './read-arguments.js';
import { findBatchQueues } from './find-batch-queues.js';

/** Runs the command line. Never rejects. Exit codes: 0 done, 1 it failed, 2 it is not a command. */
export async function run(args: readonly string[], environment: Environment): Promise<Finished> {
  let invocation: Invocation | 'help';
  try {
    invocation = readArguments(args, environment);
    if (invocation === 'help') return { exitCode: 0, stdout: HELP, stderr: '' };
  } catch (error) {
    return { exitCode: 2, stdout: '', stderr: `${failureReason(error)}. See --help.\n` };
  }
  try {
    const { text, json, isFailure = false } = await answer(invocation);
    const stdout = `${invocation.values.json ? JSON.stringify(json) : text}\n`;
    return { exitCode: isFailure ? 1 : 0, stdout, stderr: '' };
  } catch (error) {
    const isUsage = (error as { readonly code?: unknown }).code === 'INVALID_OPTION';
    return { exitCode: isUsage ? 2 : 1, stdout: '', stderr: `${failureReason(error)}.\n` };
  }
}

async function answer({ command, address, id, values }: Invocation): Promise<Answer> {
  // The errors say the same as its lines.
  Logger.overrideLogger(false);
  const options = resolveBullMqOptions({ ...address, worker: false, acceptTimeoutMs: ANSWER_MS });
  if (command === 'migrate') {
    await migrateBullMq(address.postgres!);
    return { text: 'The schema "bullmq" is up to date.', json: { migrated: true } };
  }
  const server = await openServer(options);
  try {
    await server.open();
    const tasks = new BullMqTasks(server, () => askServer(server, 'Tasks', 'reached', () => findBatchQueues(options)));
    return await commands[command]({ server, tasks, id, values });
  } finally {
    await server.close();
  }
}

/** The variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

interface Finished {
  readonly exitCode: 0 | 1 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds for each answer of the server. Nobody waits for a response here, and the server may be far. */
const ANSWER_MS = 10_000;
