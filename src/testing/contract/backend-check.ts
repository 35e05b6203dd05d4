import type { ContractCase } from './contract-case.js';

/** A promise of a backend, and the code that checks it. */
export interface BackendCheck {
  readonly name: string;
  /** The part of the options without which it cannot be checked. */
  readonly needs?: 'other-process' | 'outage' | 'transaction' | 'settings';
  run(contractCase: ContractCase): Promise<void>;
}
