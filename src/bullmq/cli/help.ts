import { CONNECTION_VARIABLE, POSTGRES_VARIABLE } from './read-arguments.js';

/** The answer to `--help`. */
export const HELP = `Looks after the tasks that BullMQ has.

Usage: nestjs-background-tasks <command> [options]

Commands:
  list [--state <state>] [--name <name>] [--limit <number>] [--offset <number>]
                                  list tasks, the newest of each state first
  counts                          count the tasks in each state
  retry <id>                      enqueue a failed task again
  retry --all | --name <name>     enqueue all failed tasks again, or those of a name
  discard <id>                    remove a task that does not run
  discard --state <state> [--name <name>]
                                  remove all tasks of a state
  schedules                       list the schedules
  remove-schedule <id>            end a schedule
  migrate                         create or upgrade BullMQ's tables in PostgreSQL

States: running, waiting, delayed, failed, succeeded

Options:
  --connection <url>   the Redis, such as redis://localhost:6379
  --postgres <url>     the PostgreSQL, such as postgresql://localhost/shop
  --queue-name <name>  as in the options of the module; background-tasks without it
  --prefix <prefix>    as in the options of the module, on Redis; bull without it
  --json               print JSON in place of a table
  --help               print this

A URL with a password belongs in the environment, in ${CONNECTION_VARIABLE} or
${POSTGRES_VARIABLE}: every user of a machine can read its command lines.

Exit codes: 0 done, 1 failed, 2 not understood
`;
