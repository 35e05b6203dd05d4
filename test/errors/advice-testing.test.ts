import { describe, expect, it } from 'vitest';
import { InProcessBackend, TaskBackend } from '../../src/backend/index.js';
import { backendContract, RecordingBackgroundTasks, settled } from '../../src/testing/index.js';
import { type Advice, follow, works } from '../support/advice.js';
import { startContext } from '../support/start-context.js';

const refused = new Error('refused');
const send = (address: string): string => {
  if (address === '') throw refused;
  return address;
};

class ForgetfulBackend extends TaskBackend {
  override accept(): void {}
}

const advice: readonly Advice[] = [
  {
    code: 'CONTRACT_BROKEN',
    fix: 'Compare it with the comments of TaskBackend',
    apply: async (isFixed) => {
      const backend = isFixed ? new InProcessBackend() : new ForgetfulBackend();
      const [accepts] = backendContract({ create: () => ({ backend }), timeoutMs: isFixed ? 5_000 : 20 });
      await accepts!.run();
    },
  },
  {
    code: 'TASKS_FAILED',
    fix: 'Look at "cause" and "errors" for what they threw',
    apply: async (isFixed) => {
      const { app, run } = await startContext();
      await run((tasks) => tasks.addTask(send, ''));
      if (!isFixed) return settled(app);
      await expect(settled(app)).rejects.toMatchObject({ cause: refused, errors: [refused] });
      await run((tasks) => tasks.addTask(send, 'ada'));
      await settled(app);
    },
  },
  {
    code: 'TASKS_FAILED',
    fix: 'pass { throwOnFailure: false } where a failure is what the test is about',
    apply: async (isFixed) => {
      const { app, run } = await startContext();
      await run((tasks) => tasks.addTask(send, ''));
      await (isFixed ? settled(app, { throwOnFailure: false }) : settled(app));
    },
  },
  {
    code: 'TASKS_FAILED',
    fix: 'pass { throwOnFailure: false } where a failure is what the test is about',
    apply: async (isFixed) => {
      const recorded = new RecordingBackgroundTasks();
      recorded.addTask(send, '');
      const reports = await (isFixed ? recorded.runAll({ throwOnFailure: false }) : recorded.runAll());
      expect(reports).toMatchObject([{ state: 'failed', error: refused }]);
    },
  },
  ...comparisons([
    { of: 'the function', wrong: (recorded) => recorded.assertAdded(String, 'ada') },
    { of: 'the object', wrong: (recorded) => recorded.assertAdded({ send }, 'send', 'ada') },
    { of: 'the arguments', wrong: (recorded) => recorded.assertAdded(send, 'bob') },
    { of: 'the options', wrong: (recorded) => recorded.with({ runOn: 'always' }).assertAdded(send, 'ada') },
  ]),
];

describe('what an error of the testing helpers advises works:', () => {
  it.each(advice)('$code: $fix', async (one) => {
    expect(await follow(one, undefined)).toEqual(works(one));
  });
});

function comparisons(rows: readonly { of: string; wrong: (recorded: RecordingBackgroundTasks) => void }[]): Advice[] {
  return rows.map(({ wrong }) => ({
    code: 'TASK_NOT_RECORDED',
    fix: 'Compare the function, the object, the arguments and the options',
    apply: (isFixed) => {
      const recorded = new RecordingBackgroundTasks();
      recorded.addTask(send, 'ada');
      return isFixed ? recorded.assertAdded(send, 'ada') : wrong(recorded);
    },
  }));
}
