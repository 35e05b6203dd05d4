import { describe, expect, it } from 'vitest';
import { BackgroundTasksHost } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { loadController } from '../support/load.controllers.js';
import { type Platform, platforms, startApp } from '../support/platforms.js';
import { RawClient } from '../support/raw-client.js';

describe.each(platforms)("B15 overflow 'wait' on $name", (platform) => {
  it('holds the response until there is room for all tasks of the request', async () => {
    const { app, url, host, gate, timeline } = await startFull(platform);
    let isAnswered = false;
    const answer = fetch(`${url}/add/held?count=2`).finally(() => (isAnswered = true));
    await timeline.until('added held');
    await fetch(`${url}/ping`);
    expect(isAnswered).toBe(false);

    gate('busy').resolve();
    await timeline.until('ran waiting');
    await fetch(`${url}/ping`);
    expect(isAnswered).toBe(false);

    gate('waiting').resolve();
    expect((await answer).status).toBe(200);
    gate('held').resolve();
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 5, succeeded: 5 });
  });

  it('does not hold the responses of requests that add nothing', async () => {
    const { url, gate } = await startFull(platform);
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong');
    gate('busy').resolve();
    gate('waiting').resolve();
  });

  it.each(['manual', 'sse'])('throws QUEUE_FULL where the response is not ours to hold: %s', async (kind) => {
    const { app, url, host, gate } = await startFull(platform);
    expect(await (await fetch(`${url}/${kind}/mine`)).text()).toContain('QUEUE_FULL');
    gate('busy').resolve();
    gate('waiting').resolve();
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 3 });
  });

  it('throws QUEUE_FULL when one request alone exceeds maxPending', async () => {
    const { app, url, host, gate } = await start(platform);
    gate('mine').resolve();
    expect((await fetch(`${url}/add/mine?count=3`)).status).toBe(503);
    expect(await (await fetch(`${url}/catch/mine?count=3`)).json()).toEqual({ code: 'QUEUE_FULL' });
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 4, discarded: 2, succeeded: 2 });
  });

  it('gives up the room that a request has while it waits for more, so that two cannot wait for each other', async () => {
    const { app, url, host, gate, timeline } = await start(platform);
    const answers = ['a', 'b'].map((name) => fetch(`${url}/pair/${name}`));
    await timeline.until('added a');
    await timeline.until('added b');
    for (const name of ['second', 'a', 'b', 'second a', 'second b']) gate(name).resolve();
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200]);
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 4, succeeded: 4 });
  });

  it('gives back the room for a task that was cancelled while its response was held', async () => {
    const { app, url, host, gate, timeline } = await startFull(platform);
    gate('second').resolve();
    const answer = fetch(`${url}/pair/held?cancels=1`);
    await timeline.until('added second held');
    await fetch(`${url}/ping`);
    gate('cancel').resolve();
    await timeline.until('cancelled');
    for (const name of ['busy', 'waiting', 'held', 'later']) gate(name).resolve();
    await (await answer).text();
    await settled(app);
    expect((await fetch(`${url}/add/later?count=2`)).status).toBe(200);
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 7, succeeded: 6, cancelled: 1 });
  });

  it('does not let a request that needs less room overtake one that waits', async () => {
    const { url, gate, timeline } = await startFull(platform);
    const answered: string[] = [];
    const held = fetch(`${url}/add/held?count=2`).finally(() => answered.push('held'));
    await timeline.until('added held');
    gate('busy').resolve();
    await timeline.until('ran waiting');
    const small = fetch(`${url}/add/small?count=1`).finally(() => answered.push('small'));
    await timeline.until('added small');
    await fetch(`${url}/ping`);
    expect(answered).toEqual([]);
    gate('waiting').resolve();
    await held;
    for (const name of ['held', 'small']) gate(name).resolve();
    await small;
    expect(answered).toEqual(['held', 'small']);
  });

  it('gives the room back that it took for a client that has left meanwhile', async () => {
    const { app, url, port, host, gate, timeline } = await startFull(platform);
    const client = (await RawClient.connect(port)).request('GET /add/orphan?count=2');
    await timeline.until('added orphan');
    client.destroy();
    for (const name of ['busy', 'waiting', 'orphan', 'later']) gate(name).resolve();
    await settled(app);
    expect(timeline.count('ran orphan')).toBe(2);
    expect((await fetch(`${url}/add/later?count=2`)).status).toBe(200);
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 7, succeeded: 7 });
  });

  it('finds room for what a task adds after a request without room has failed', async () => {
    const { app, url, host, gate, timeline } = await startFull(platform);
    const answer = fetch(`${url}/fail/failed`);
    await timeline.until('added failed');
    for (const name of ['busy', 'waiting', 'after failed', 'later']) gate(name).resolve();
    expect((await answer).status).toBe(500);
    await settled(app);
    expect(timeline.count('ran after failed')).toBe(1);
    expect((await fetch(`${url}/add/later?count=2`)).status).toBe(200);
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 7, succeeded: 7 });
  });
});

/** At most two tasks wait and one runs. */
async function start(platform: Platform) {
  const { LoadController, timeline, gate } = loadController();
  const options = { maxPending: 2, maxRunning: 1, overflow: 'wait' } as const;
  const { app, url, port } = await startApp(platform, { controllers: [LoadController], options });
  return { app, url, port, timeline, gate, host: app.get(BackgroundTasksHost) };
}

/** One task runs until the gate 'busy' opens, and two wait, which run until the gate 'waiting' opens. */
async function startFull(platform: Platform) {
  const started = await start(platform);
  const { url, timeline } = started;
  await fetch(`${url}/add/busy?count=1`);
  await timeline.until('ran busy');
  await fetch(`${url}/add/waiting?count=2`);
  return started;
}
