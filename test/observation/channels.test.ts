import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type TaskEventName, TaskObservers } from '../../src/index.js';
import { eventNames, RecordedEvents } from '../support/recorded-events.js';
import { startContext } from '../support/start-context.js';

describe('B42 the channels', () => {
  it('publish what observers are told, the same objects', async () => {
    const [told, published] = [new RecordedEvents(), new RecordedEvents()];
    const { run, app } = await startContext({ options: { observers: [told.observer] } });
    listen(published);

    await run((tasks) => tasks.addTask(() => undefined));
    await app.close();

    expect(published.names).toEqual(told.names);
    expect(published.all.map((event, index) => event === told.all[index])).not.toContain(false);
  });

  it('publish without an observer', async () => {
    const published = new RecordedEvents();
    const { run } = await startContext();
    listen(published, ['taskSettled']);

    await run((tasks) => tasks.with({ name: 'audit' }).addTask(() => undefined));

    expect(published.names).toEqual(['taskSettled']);
    expect(published.of('taskSettled')).toMatchObject([
      { scope: { kind: 'unit' }, task: { name: 'audit' }, report: { state: 'succeeded' } },
    ]);
  });

  it('publish nothing more once nobody subscribes', async () => {
    const published = new RecordedEvents();
    const { run } = await startContext();
    const stop = listen(published);

    stop();
    await run((tasks) => tasks.addTask(() => undefined));

    expect(published.names).toEqual([]);
    expect(eventNames.filter((name) => channel(channelOf(name)).hasSubscribers)).toEqual([]);
  });
});

describe('B42 an observer that is added', () => {
  it('is told from then on, until it is removed', async () => {
    const events = new RecordedEvents();
    const { run, app } = await startContext();
    const add = () => run((tasks) => tasks.addTask(() => undefined));

    await add();
    const remove = app.get(TaskObservers).add(events.observer);
    await add();
    remove();
    await add();

    expect(events.of('taskAccepted')).toHaveLength(1);
    expect(events.of('scopeClosed')).toHaveLength(1);
  });

  it('hears the rest of a scope that was open by then, with the same id throughout', async () => {
    const events = new RecordedEvents();
    const { run, app } = await startContext();

    await run((tasks) => {
      tasks.addTask(() => undefined);
      app.get(TaskObservers).add(events.observer);
    });

    expect(events.names).toEqual(['handlerEnded', 'responseClosed', 'taskStarted', 'taskSettled', 'scopeClosed']);
    const scopes = [...events.of('handlerEnded'), ...events.of('taskSettled'), ...events.of('scopeClosed')];
    expect(new Set(scopes.map(({ scope }) => scope!.id)).size).toBe(1);
  });

  it('is told nothing of another application', async () => {
    const events = new RecordedEvents();
    const [first, second] = [await startContext(), await startContext()];
    first.app.get(TaskObservers).add(events.observer);

    await second.run((tasks) => tasks.addTask(() => undefined));

    expect(events.names).toEqual([]);
  });

  it('must be an object', async () => {
    const { app } = await startContext();

    expect(() => app.get(TaskObservers).add(undefined as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  it('of a class keeps its this', async () => {
    class Counter {
      count = 0;
      taskSettled(): void {
        this.count++;
      }
    }
    const counter = new Counter();
    const { run, app } = await startContext();
    app.get(TaskObservers).add(counter);

    await run((tasks) => tasks.addTask(() => undefined));

    expect(counter.count).toBe(1);
  });
});

describe('B42 a broken observer', () => {
  it.each(eventNames)('of %s is logged once, and the rest is told', async (name) => {
    const events = new RecordedEvents();
    const broken = { [name]: () => Promise.reject(new Error('no metrics')) };
    const { run, app, logs } = await startContext({ options: { observers: [broken, events.observer] } });
    const twice = () => run((tasks) => tasks.addTask(() => undefined));

    await twice();
    await twice();
    await app.close();

    expect(logs.errors).toHaveLength(events.names.includes(name) ? 1 : 0);
    expect(events.of('scopeClosed')).toHaveLength(2);
  });
});

function channelOf(name: TaskEventName): string {
  return `nestjs-background-tasks:${name}`;
}

/** Subscribes to the channels; until the test ends, or the function it returns is called. */
function listen(events: RecordedEvents, names: readonly TaskEventName[] = eventNames): () => void {
  const stops = names.map((name) => {
    const heard = (event: unknown) => events.record(name, event);
    subscribe(channelOf(name), heard);
    return () => unsubscribe(channelOf(name), heard);
  });
  const stop = () => stops.forEach((end) => end());
  onTestFinished(stop);
  return stop;
}
