import { safely } from '../../errors/safely.js';
import type { BackendCheck } from './backend-check.js';

/** Settings and health. */
export const settingChecks: readonly BackendCheck[] = [
  {
    name: 'checkSettings(): no settings are accepted',
    async run(check) {
      const { backend } = await check.create();
      check.equal(
        'what it throws',
        codeThrown(() => backend.checkSettings('contract', {})),
        undefined,
      );
    },
  },
  {
    name: 'checkSettings(): settings that are wrong are refused with INVALID_OPTION',
    needs: 'settings',
    async run(check) {
      const { backend } = await check.create();
      const refuse = () => backend.checkSettings('contract', check.options.invalidSettings!);
      check.equal('the code of what it throws', codeThrown(refuse), 'INVALID_OPTION');
    },
  },
  {
    name: 'health(): the backend is not down while it accepts tasks, and assertReady() throws nothing',
    async run(check) {
      const { backend } = await check.start();
      const { status } = await backend.health();
      check.equal('whether it is down', status === 'down', false);
      check.equal(
        'what assertReady() throws',
        codeThrown(() => backend.assertReady()),
        undefined,
      );
    },
  },
];

/** The code of the error that a call throws; `undefined` if it throws none. */
export function codeThrown(call: () => void): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The code of an error, or the error if it has none. */
export function codeOf(error: unknown): unknown {
  return safely(() => (error as { readonly code?: unknown }).code, undefined) ?? error;
}
