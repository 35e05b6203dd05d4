import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { root } from './packed-package.js';

describe('the doc comments in the built types', () => {
  it.each([
    ['options/module-options.d.ts', 'BackgroundTasksModuleOptions.shutdownTimeoutMs', '@default 25000'],
    ['options/module-options.d.ts', 'BackgroundTasksModuleOptions.maxPending', '@default 10000'],
    ['options/task-options.d.ts', 'TaskOptions.runOn', "@default 'success'"],
    ['tasks/background-tasks.d.ts', 'BackgroundTasks.addTask', '@throws NOT_A_FUNCTION'],
    ['disposal/provide-resource.d.ts', 'provideResource', 'one instance per request'],
    ['handlers/tasks.decorator.d.ts', 'Tasks', 'leaves the controller a singleton'],
    ['testing/settled.d.ts', 'settled', 'are done'],
    ['bullmq/options/bullmq-options.d.ts', 'BullMqWorkerOptions.maxStalledCount', '@default 3'],
    ['bullmq/bullmq-schedules.d.ts', 'BullMqSchedules.set', '@throws BACKEND_UNAVAILABLE'],
    ['worker-threads/thread-task.d.ts', 'threadTask', 'THREAD_CRASHED'],
    ['worker-threads/worker-threads-options.d.ts', 'WorkerThreadsModuleOptions.maxPending', '@default 1000'],
  ])('of %s say of %s: %s', (file, name, text) => {
    expect(commentsIn(file).get(name)).toContain(text);
  });

  it.each([
    ['options/module-options.d.ts', 'BackgroundTasksModuleOptions'],
    ['options/task-options.d.ts', 'TaskOptions'],
    ['contracts/retry-options.d.ts', 'RetryOptions'],
    ['contracts/task-events.d.ts', 'TaskEvents'],
    ['contracts/task-events.d.ts', 'ObservedScope'],
    ['contracts/task-events.d.ts', 'ObservedTask'],
    ['contracts/task-events.d.ts', 'ObservedResource'],
    ['contracts/task-outcome.d.ts', 'TaskOutcome'],
    ['bullmq/options/bullmq-options.d.ts', 'BullMqWorkerOptions'],
    ['bullmq/options/bullmq-options.d.ts', 'CommonOptions'],
    ['bullmq/options/bullmq-task-settings.d.ts', 'BullMqTaskSettings'],
    ['worker-threads/worker-threads-options.d.ts', 'WorkerThreadsModuleOptions'],
    ['worker-threads/worker-threads-options.d.ts', 'ThreadResourceLimits'],
  ])('of %s leave no member of %s out', (file, owner) => {
    const members = [...commentsIn(file)].filter(([name]) => name.startsWith(`${owner}.`));

    expect(members.length).toBeGreaterThan(0);
    expect(members.filter(([, comment]) => comment === '')).toEqual([]);
  });
});

/** The doc comment of everything that a built file declares, members as `Owner.member`; `''` where there is none. */
function commentsIn(file: string): Map<string, string> {
  const text = readFileSync(join(root, 'dist', file), 'utf8');
  const found = new Map<string, string>();
  const note = (node: ts.Node, name: string): void => {
    const comments = ts.getJSDocCommentsAndTags(node).map((comment) => comment.getText());
    // Those of several overloads one after another.
    found.set(name, [found.get(name) ?? '', ...comments].join('\n').trim());
  };
  for (const statement of ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true).statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) note(statement, name.getText());
    } else if (ts.isFunctionDeclaration(statement)) {
      note(statement, statement.name!.text);
    } else if (ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)) {
      for (const member of statement.members) note(member, `${statement.name!.text}.${member.name?.getText() ?? ''}`);
    }
  }
  return found;
}
