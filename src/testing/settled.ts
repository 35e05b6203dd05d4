import type { INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { NotRegisteredError } from '../errors/set-up-errors.js';
import { isProvided } from '../nest/missing-providers.js';
import { RequestScopes } from '../scope/request-scopes.js';
import { REGISTRATION } from '../tasks/registration.js';
import { TasksFailedError } from './testing-errors.js';

/**
 * Resolves when the tasks and the disposal of all requests so far are done. A task that failed
 * since the last call fails the test that awaits this, with what the task threw.
 *
 * ```ts
 * await request(app.getHttpServer()).post('/users').send(user).expect(201);
 * await settled(app);
 * ```
 *
 * Failures are kept for this outside production only (`NODE_ENV`), and at most 100 of them.
 *
 * @throws TASKS_FAILED if a task failed, unless `throwOnFailure` is false; NOT_REGISTERED
 */
export async function settled(
  app: INestApplicationContext,
  { throwOnFailure = true }: { readonly throwOnFailure?: boolean } = {},
): Promise<void> {
  if (!isProvided(app.get(ModulesContainer), RequestScopes)) {
    throw new NotRegisteredError('settled() needs BackgroundTasksModule, which is not registered', REGISTRATION);
  }
  const scopes = app.get(RequestScopes, { strict: false });
  await Promise.all(scopes.open.toArray().map((scope) => new Promise<void>((resolve) => scope.onClosed(resolve))));
  const apart = [...scopes.apart].flatMap(({ unfinished }) => unfinished);
  await Promise.all(apart.map((task) => task.settled));
  const failed = scopes.engine.ledger.takeFailures();
  if (throwOnFailure && failed.length > 0) throw new TasksFailedError(failed);
}
