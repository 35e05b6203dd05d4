import { expect, it } from 'vitest';
import { MemoryBackend, memoryBackendModule } from '../support/memory-backend.js';
import { RecordedEvents } from '../support/recorded-events.js';
import { startContext } from '../support/start-context.js';

it('B42 a backend tells when it is lost and when it is back, each once for an outage', async () => {
  const events = new RecordedEvents();
  const backend = new MemoryBackend();
  await startContext({ options: { observers: [events.observer] }, imports: [memoryBackendModule(backend)] });

  backend.listener!.back();
  backend.listener!.lost('no connection');
  backend.listener!.lost('still none');
  backend.listener!.back();
  backend.listener!.back();

  expect(events.names).toEqual(['backendLost', 'backendBack']);
  expect(events.of('backendLost')).toMatchObject([{ reason: 'no connection' }]);
  expect(events.of('backendBack')).toMatchObject([{ durationMs: expect.any(Number) as number }]);
});
