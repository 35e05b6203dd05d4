import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Says at the end which tests ran in a process that died. Vitest says only that one did. */
// oxlint-disable-next-line import/no-default-export -- Vitest loads it
export default class LostTestsReporter implements Reporter {
  readonly #running = new Map<TestModule, TestCase | undefined>();

  onTestModuleStart(module: TestModule): void {
    this.#running.set(module, undefined);
  }

  onTestCaseReady(test: TestCase): void {
    this.#running.set(test.module, test);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module);
  }

  onTestRunEnd(): void {
    for (const [{ relativeModuleId }, test] of this.#running) {
      process.stderr.write(
        `Lost: ${relativeModuleId}, in ${test ? `the test "${test.fullName}"` : 'none of its tests'}\n`,
      );
    }
  }
}
