import { describe, expect, it } from 'vitest';
import * as rootEntry from '../../src/index.js';
import * as testingEntry from '../../src/testing/index.js';
import * as threadsEntry from '../../src/worker-threads/index.js';
import { BackgroundTasksError, type BackgroundTasksErrorCode } from '../../src/index.js';
import { declaredCodes } from '../support/error-codes.js';

/** Every error leaves by the entry point of the room that throws it. */
const api = { ...rootEntry, ...testingEntry, ...threadsEntry };

/** One example of each error: the members of the record are the codes, so that none can be left out. */
const examples: Record<BackgroundTasksErrorCode, Example> = {
  INVALID_OPTION: {
    error: new api.InvalidOptionError('retry.attempts', -1, 'Give a whole number of 1 or more.'),
    wrong: '"retry.attempts"',
    value: '-1',
    fix: 'Give a whole number',
  },
  NOT_REGISTERED: {
    error: new api.NotRegisteredError('Mailer of AppModule injects BackgroundTasks', 'BackgroundTasksModule.forRoot()'),
    wrong: 'injects BackgroundTasks',
    value: 'Mailer of AppModule',
    fix: 'imports: [BackgroundTasksModule.forRoot()]',
  },
  ALREADY_REGISTERED: {
    error: new api.AlreadyRegisteredError(2),
    wrong: 'BackgroundTasksModule',
    value: '2 times',
    fix: 'Import',
  },
  UNSUPPORTED_NEST: {
    error: new api.UnsupportedNestError('11.0.0', ['InstanceWrapper.a()', 'InstanceWrapper.b()']),
    wrong: 'InstanceWrapper.a(), InstanceWrapper.b()',
    value: '11.0.0',
    fix: 'Install a version',
  },
  MISSING_PACKAGE: {
    error: new api.MissingPackageError('BullMQ on Redis', 'ioredis', ['bullmq', 'ioredis'], new Error('not found')),
    wrong: 'not installed',
    value: 'ioredis',
    fix: 'npm i bullmq ioredis',
  },
  NOT_A_FUNCTION: {
    error: new api.NotAFunctionError(undefined),
    wrong: 'addTask()',
    value: 'undefined',
    fix: 'Pass the function',
  },
  UNKNOWN_METHOD: {
    error: new api.UnknownMethodError(new Date(), 'sned'),
    wrong: '"sned"',
    value: 'an instance of Date',
    fix: 'Check the spelling',
  },
  OUTSIDE_SCOPE: {
    error: new api.OutsideScopeError('@Tasks()', 'handler'),
    wrong: 'outside any request',
    value: '@Tasks()',
    fix: 'TaskScopes.run()',
  },
  OUTSIDE_TASK: {
    error: new api.OutsideTaskError(),
    wrong: 'outside a task',
    value: 'currentTask()',
    fix: 'Call it in the function given to addTask()',
  },
  SCOPE_CLOSED: {
    error: new api.ScopeClosedError('Task "send"'),
    wrong: 'after its request was over',
    value: 'Task "send"',
    fix: 'Await the work',
  },
  SHUTTING_DOWN: {
    error: new api.ShuttingDownError('Task "send"'),
    wrong: 'shutting down',
    value: 'Task "send"',
    fix: 'BackgroundTasksHost.isDraining',
  },
  QUEUE_FULL: {
    error: new api.QueueFullError('send', 10),
    wrong: '"send"',
    value: '10 tasks',
    fix: 'Raise maxPending',
  },
  TASK_CHAIN_TOO_LONG: {
    error: new api.TaskChainTooLongError('send', 1_000),
    wrong: '"send"',
    value: '1001',
    fix: 'Loop inside one task',
  },
  UNKNOWN_RESOURCE: {
    error: new api.UnknownResourceError('Session', 'Users.find()'),
    wrong: 'Users.find()',
    value: '@Resource(Session)',
    fix: 'provideResource({ provide: Session',
  },
  RESOURCE_YIELDED_NOTHING: {
    error: new api.ResourceYieldedNothingError('Session'),
    wrong: 'without a yield',
    value: 'Session',
    fix: 'Yield the value once',
  },
  RESOURCE_YIELDED_TWICE: {
    error: new api.ResourceYieldedTwiceError('Session'),
    wrong: 'a second time',
    value: 'Session',
    fix: 'Yield the value once',
  },
  RESOURCE_CIRCLE: {
    error: new api.ResourceCircleError(['Session', 'Repository', 'Session']),
    wrong: 'Session depends on itself',
    value: 'Session → Repository → Session',
    fix: 'third provider',
  },
  RESOURCE_RELEASE_ORDER: {
    error: new api.ResourceReleaseOrderError('Audit', 'Session'),
    wrong: 'Audit',
    value: 'Session',
    fix: "Give Session release: 'after-tasks'",
  },
  RESOURCE_RELEASED_EARLY: {
    error: new api.ResourceReleasedEarlyError('save', 'Transaction'),
    wrong: 'Task "save"',
    value: 'resource Transaction',
    fix: "give the resource release: 'after-tasks'",
  },
  DURABLE_DEPENDENCY: {
    error: new api.DurableDependencyError(['Pool', 'Audit', 'BackgroundTasks']),
    wrong: 'Durable provider Pool',
    value: 'Pool → Audit → BackgroundTasks',
    fix: 'inject BackgroundTasksRef',
  },
  DISPOSE_TIMEOUT: {
    error: new api.DisposeTimeoutError('Session', 50),
    wrong: 'Session',
    value: '50 ms',
    fix: 'disposeTimeoutMs',
  },
  TASKS_FAILED: {
    error: new api.TasksFailedError([{ name: 'send', error: new Error('refused') }, { name: 'audit' }]),
    wrong: '2 background task(s) failed',
    value: 'send, audit',
    fix: 'throwOnFailure: false',
  },
  TASK_NOT_RECORDED: {
    error: new api.TaskNotRecordedError("send('ada')", ["send('bob')"]),
    wrong: "Expected background task send('ada')",
    value: "these were added: send('bob')",
    fix: 'Compare the function',
  },
  CONTRACT_BROKEN: {
    error: new api.ContractBrokenError('pause()', 'Expected the number of runs to be 0, and it is 1'),
    wrong: 'breaks its contract "pause()"',
    value: 'it is 1',
    fix: 'the comments of TaskBackend',
  },
  UNKNOWN_TASK: {
    error: new api.UnknownTaskError('send-invoice'),
    wrong: 'No handler',
    value: '"send-invoice"',
    fix: 'Add a class with @TaskHandler()',
  },
  DUPLICATE_TASK: {
    error: new api.DuplicateTaskError('send-invoice', ['A', 'B']),
    wrong: '"send-invoice" has more than one handler',
    value: 'A, B',
    fix: 'Give each task a name',
  },
  INVALID_PAYLOAD: {
    error: new api.InvalidPayloadError('The payload of task "send-invoice"', '$.at', 'is an instance of Date'),
    wrong: '"send-invoice"',
    value: '$.at is an instance of Date',
    fix: 'Give plain JSON',
  },
  BACKEND_UNAVAILABLE: {
    error: new api.BackendUnavailableError('Task "send-invoice"', 'Redis does not answer'),
    wrong: 'could not be handed over',
    value: 'Redis does not answer',
    fix: 'Try again later',
  },
  TRANSACTIONS_UNSUPPORTED: {
    error: new api.TransactionsUnsupportedError('Task "send-invoice"', 'BullMQ on Redis'),
    wrong: 'cannot be inserted in a transaction',
    value: 'BullMQ on Redis',
    fix: 'BullMqBackgroundTasksModule.forRoot({ postgres })',
  },
  GROUPS_UNSUPPORTED: {
    error: new api.GroupsUnsupportedError('SqsBackend'),
    wrong: 'A group cannot be enqueued',
    value: 'SqsBackend',
    fix: 'Use BullMqBackgroundTasksModule',
  },
  BATCH_TOO_LARGE: {
    error: new api.BatchTooLargeError('5001 tasks ("send-invoice")', '5000 tasks'),
    wrong: 'the limit is 5000 tasks at a time',
    value: '5001 tasks ("send-invoice")',
    fix: 'call TaskScopes.run() for each part',
  },
  WRONG_HANDLER: {
    error: new api.WrongHandlerError('write-audit', 'AuditHandler of AppModule', true),
    wrong: 'has no runBatch()',
    value: 'AuditHandler of AppModule',
    fix: 'Give it "runBatch(payloads)"',
  },
  BATCH: {
    error: new api.BatchError([[3, new Error('no')]]),
    wrong: '1 task(s) of a batch failed',
    value: 'at 3',
    fix: 'Look at "failures"',
  },
  THREAD_CRASHED: {
    error: new api.ThreadCrashedError('resize', 'it ran out of memory', new Error('heap')),
    wrong: '"resize"',
    value: 'it ran out of memory',
    fix: 'raise resourceLimits',
  },
  THREAD_CANCELLED: {
    error: new api.ThreadCancelledError('resize', new Error('late')),
    wrong: 'was stopped',
    value: '"resize"',
    fix: 'raise timeoutMs',
  },
  THREAD_QUEUE_FULL: {
    error: new api.ThreadQueueFullError('resize', 5),
    wrong: '"resize" was refused',
    value: '5 calls',
    fix: 'Raise maxPending',
  },
  THREAD_VALUE_NOT_CLONEABLE: {
    error: new api.ThreadValueNotCloneableError('Argument 2', 'resize', 'an instance of Socket'),
    wrong: 'Argument 2 of thread function "resize"',
    value: 'an instance of Socket',
    fix: 'Use plain data',
  },
  THREAD_ARGUMENTS_TOO_LARGE: {
    error: new api.ThreadArgumentsTooLargeError('resize', 1_000),
    wrong: '"resize"',
    value: '1000 bytes',
    fix: 'Raise maxArgumentBytes',
  },
  THREAD_MODULE_NOT_LOADED: {
    error: new api.ThreadModuleNotLoadedError('resize', 'file:///app/thumbnail.js', new Error('not found')),
    wrong: '"resize"',
    value: 'file:///app/thumbnail.js',
    fix: 'check that the URL',
  },
  UNKNOWN_THREAD_EXPORT: {
    error: new api.UnknownThreadExportError('constructor', 'file:///app/thumbnail.js', ['resize', 'crop']),
    wrong: 'exports no function',
    value: '"constructor"',
    fix: 'there are resize, crop',
  },
  THREAD_OPTIONS_DIFFER: {
    error: new api.ThreadOptionsDifferError(['maxRunning', 'maxPending']),
    wrong: 'WorkerThreadsModule',
    value: 'maxRunning, maxPending',
    fix: 'Give both the same',
  },
};

const classes = Object.values(api).filter(
  (member): member is typeof BackgroundTasksError =>
    typeof member === 'function' && member.prototype instanceof BackgroundTasksError,
);

describe('the codes of the errors', () => {
  it('are one for each class, and one class for each', () => {
    const codes = declaredCodes();

    expect(codes).toHaveLength(41);
    expect(Object.keys(examples).toSorted()).toEqual(codes.toSorted());
    expect(classes).toHaveLength(codes.length);
    expect(new Set(Object.values(examples).map(({ error }) => error.constructor))).toEqual(new Set(classes));
  });

  it.each(Object.entries(examples))('%s is on the error, and says it in its name', (code, { error }) => {
    const words = error.name.replace(/Error$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])|(?<=A)(?=Function)/g, '_');

    expect(error.code).toBe(code);
    expect(words.toUpperCase()).toBe(code);
    expect(error.name).toBe(error.constructor.name);
    expect(error).toBeInstanceOf(Error);
  });
});

describe('the messages of the errors', () => {
  it.each(Object.entries(examples))(
    '%s names what was wrong, the value and the fix',
    (_code, { error, wrong, value, fix }) => {
      expect(error.message).toContain(wrong);
      expect(error.message).toContain(value);
      expect(error.message).toContain(fix);
    },
  );

  it.each(Object.entries(examples))('%s is one line that ends like a sentence', (_code, { error }) => {
    expect(error.message).toMatch(/^[@"A-Z\d].*\.$|^(add|current)Task\(\).*\.$/);
  });

  it('keep the original as the cause', () => {
    const refused = new Error('refused');

    const error = new api.TasksFailedError([{ name: 'send', error: refused }]);

    expect(error.cause).toBe(refused);
    expect(error.errors).toEqual([refused]);
  });
});

interface Example {
  readonly error: BackgroundTasksError;
  readonly wrong: string;
  readonly value: string;
  readonly fix: string;
}
