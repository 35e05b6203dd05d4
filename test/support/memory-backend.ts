import { Module } from '@nestjs/common';
import { type BackendListener, type EnqueuedTask, type NamedTaskRunner, TaskBackend } from '../../src/backend/index.js';
import { BackendUnavailableError } from '../../src/index.js';

/** A backend that keeps what it is given, for tests of when that happens. What a durable one does is tested on real ones. */
export class MemoryBackend extends TaskBackend {
  readonly batches: (readonly EnqueuedTask[])[] = [];
  isReady = true;
  /** Awaited by `accept`. */
  gate: Promise<void> | undefined;
  runner: NamedTaskRunner | undefined;
  hasStopped = false;
  listener: BackendListener | undefined;

  override assertReady(): void {
    if (!this.isReady) throw new BackendUnavailableError('Tasks', 'the backend is down');
  }

  override async accept(batch: readonly EnqueuedTask[]): Promise<void> {
    await this.gate;
    this.assertReady();
    this.batches.push(batch);
  }

  override watch(listener: BackendListener): void {
    this.listener = listener;
  }

  override start(runner: NamedTaskRunner): void {
    this.runner = runner;
  }

  override pause(): void {
    this.hasStopped = true;
  }

  get names(): string[][] {
    return this.batches.map((batch) => batch.map(({ envelope }) => envelope.name));
  }
}

/** Registers the backend as an entry point does. */
export function memoryBackendModule(backend: MemoryBackend) {
  @Module({ providers: [{ provide: TaskBackend, useValue: backend }] })
  class MemoryBackendModule {}
  return MemoryBackendModule;
}
