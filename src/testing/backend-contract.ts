import { isInstance, safely } from '../errors/safely.js';
import { withTimeLimit } from '../execution/time-limit.js';
import { acceptChecks } from './contract/accept-checks.js';
import { cancelChecks } from './contract/cancel-checks.js';
import { ContractCase, LeftToThisProcess } from './contract/contract-case.js';
import type { BackendCheck } from './contract/backend-check.js';
import type { BackendContractOptions } from './contract/backend-contract-options.js';
import { groupChecks } from './contract/group-checks.js';
import { outageChecks } from './contract/outage-checks.js';
import { reportChecks } from './contract/report-checks.js';
import { retryChecks } from './contract/retry-checks.js';
import { settingChecks } from './contract/setting-checks.js';
import { transactionChecks } from './contract/transaction-checks.js';
import { workerChecks } from './contract/worker-checks.js';
import { ContractBrokenError } from './testing-errors.js';

/**
 * Lists the checks that every backend has to pass, one for each promise of `TaskBackend`. It needs no test runner of its
 * own:
 *
 * ```ts
 * for (const { name, run } of backendContract({ create: (queue) => ({ backend: new OwnBackend(queue) }) })) it(name, run);
 * ```
 *
 * A check whose name says "if it has" passes without the method. Tasks that the backend leaves to this process
 * (`runHere()`) run as those of an application without a backend, so such a check has nothing more to prove.
 *
 * Each check rejects with CONTRACT_BROKEN and what it waited for or found.
 */
export function backendContract(options: BackendContractOptions): readonly BackendContractCheck[] {
  const needs = new Set<BackendCheck['needs']>([undefined]);
  if (options.isShared ?? true) needs.add('other-process');
  if (options.outage) needs.add('outage');
  if (options.transaction) needs.add('transaction');
  if (options.invalidSettings) needs.add('settings');
  return checks
    .filter((check) => needs.has(check.needs))
    .map((check) => ({ name: check.name, run: () => runCheck(check, options) }));
}

/** A check of the contract. */
export interface BackendContractCheck {
  /** The promise that it checks. */
  readonly name: string;
  /** Checks it, with backends of its own. @throws CONTRACT_BROKEN */
  readonly run: () => Promise<void>;
}

const checks: readonly BackendCheck[] = [
  ...acceptChecks,
  ...retryChecks,
  ...workerChecks,
  ...settingChecks,
  ...reportChecks,
  ...cancelChecks,
  ...groupChecks,
  ...transactionChecks,
  ...outageChecks,
];

async function runCheck(check: BackendCheck, options: BackendContractOptions): Promise<void> {
  const contractCase = new ContractCase(check.name, options);
  const hangs = () => contractCase.broken('A call of the backend did not end');
  try {
    await withTimeLimit(check.run(contractCase), contractCase.timeoutMs + MARGIN_MS, hangs);
  } catch (error) {
    if (isInstance(error, LeftToThisProcess)) return;
    if (isInstance(error, ContractBrokenError)) throw error;
    throw contractCase.broken(`It threw ${safely(() => String(error), 'what cannot be read')}`, error);
  } finally {
    await contractCase.close();
  }
}

/** The time in which a check can still say what it waited for. */
const MARGIN_MS = 250;
