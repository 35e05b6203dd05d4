import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { EnqueuedTask, TaskBackend } from '../../contracts/task-backend.js';
import type { TaskEnvelope } from '../../contracts/task-envelope.js';
import { newTaskId } from '../../named/task-id.js';
import { printed } from '../printed-call.js';
import { ContractBrokenError } from '../testing-errors.js';
import type { BackendContractOptions, BackendUnderTest } from './backend-contract-options.js';
import { type ContractRun, ContractRunner } from './contract-runner.js';

/** Thrown where the backend leaves tasks to this process: there is nothing more to check. */
export class LeftToThisProcess extends Error {}

/** The name of the tasks of a check. */
export const WORK = 'contract-work';

/** One check: a queue of its own, the processes that use it, and what they ran. */
export class ContractCase {
  /** The runs of all processes, in their order. */
  readonly runs: ContractRun[] = [];
  readonly timeoutMs: number;
  readonly #queue = `contract-${randomUUID()}`;
  readonly #processes: ContractProcess[] = [];
  readonly #endsAt: number;

  constructor(
    private readonly name: string,
    readonly options: BackendContractOptions,
  ) {
    this.timeoutMs = options.timeoutMs ?? 4_500;
    this.#endsAt = performance.now() + this.timeoutMs;
  }

  /** Makes a process that has not been started, with a handler for {@link WORK}. */
  async create(): Promise<ContractProcess> {
    const made = await this.options.create(this.#queue);
    const runner = new ContractRunner(this.runs);
    runner.handle(WORK);
    const { backend } = made;
    const heard: string[] = [];
    const process = { backend, runner, heard, close: () => made.close?.() };
    this.#processes.push(process);
    // A call counts only if it changes something.
    backend.watch({
      lost: () => void (heard.at(-1) !== 'lost' && heard.push('lost')),
      back: () => void (heard.at(-1) === 'lost' && heard.push('back')),
    });
    return process;
  }

  /** Makes a process and starts it. */
  async start(): Promise<ContractProcess> {
    const process = await this.create();
    await process.backend.start(process.runner);
    return process;
  }

  /** Has the backend accept tasks that it is to run itself. */
  async accept({ backend }: ContractProcess, ...tasks: readonly ContractTask[]): Promise<void> {
    if ((await this.acceptOrLeave(backend, tasks)).length > 0) throw new LeftToThisProcess();
  }

  /** Has the backend accept tasks. Resolves with those that it has left to this process. */
  async acceptOrLeave(backend: TaskBackend, tasks: readonly ContractTask[]): Promise<ContractTask[]> {
    const left = new Set<ContractTask>();
    let isOver = false;
    const batch = tasks.map((task) => ({ ...task, runHere: () => void (isOver || left.add(task)) }));
    try {
      backend.checkBatch(batch);
      await backend.accept(batch);
    } finally {
      isOver = true;
    }
    return [...left];
  }

  /** The runs of a task. */
  runsOf({ envelope }: ContractTask): ContractRun[] {
    return this.runs.filter(({ id }) => id === envelope.id);
  }

  /** Resolves once the task has run that many times. */
  ran(task: ContractTask, times = 1): Promise<void> {
    const runs = () => this.runsOf(task).length;
    return this.until(
      () => `a task to run ${times}×, and it has run ${runs()}×`,
      () => runs() >= times,
    );
  }

  /** Waits until something is so. `what` says what was waited for, and what there is. */
  async until(what: () => string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isSo())) {
      if (performance.now() > this.#endsAt) throw this.broken(`It waited for ${what()}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Waits for as long as the backend may take to do what it must not do. */
  quiet(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.options.quietMs ?? 100));
  }

  /** @throws CONTRACT_BROKEN, unless both are alike. `what` names the value */
  equal(what: string, given: unknown, expected: unknown): void {
    if (isDeepStrictEqual(given, expected)) return;
    throw this.broken(`Expected ${what} to be ${printed(expected)}, and it is ${printed(given)}`);
  }

  /** The error of the check. `cause` is what the backend threw. */
  broken(found: string, cause?: unknown): ContractBrokenError {
    return new ContractBrokenError(this.name, found, cause);
  }

  /** Stops all processes. */
  async close(): Promise<void> {
    for (const process of this.#processes) {
      await process.backend.pause();
      await process.close();
    }
  }
}

/** An application that uses the backend. */
export interface ContractProcess extends Required<BackendUnderTest> {
  readonly runner: ContractRunner;
  /** The calls of its listener that changed something: `lost` and `back`. */
  readonly heard: readonly string[];
}

/** A task as the core gives it to a backend. */
export type ContractTask = Omit<EnqueuedTask, 'runHere'>;

/** Makes a task. */
export function contractTask({ name = WORK, payload = null, context = {}, ...rest }: GivenTask = {}): ContractTask {
  const id = newTaskId(name, rest.idempotencyKey);
  return {
    envelope: { v: 1, name, id, payload, context },
    idempotencyKey: undefined,
    // Or the backend's own default would decide.
    retry: retryOf(1),
    settings: {},
    ...rest,
  };
}

/** Holds tasks until it is opened. */
export function newGate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

/** Attempts without a wait that differs from one time to the next. */
export function retryOf(attempts: number, delayMs = 1, factor = 1): NonNullable<ContractTask['retry']> {
  return { attempts, delayMs, factor, maxDelayMs: 60_000, jitter: 0 };
}

type GivenTask = Partial<Pick<TaskEnvelope, 'name' | 'payload' | 'context'> & Omit<ContractTask, 'envelope'>>;

const POLL_MS = 5;
