import { describe, expect, it } from 'vitest';
import { BackgroundTasksHost } from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { loadController } from '../support/load.controllers.js';
import { platforms, startApp, type Platform } from '../support/platforms.js';

describe.each(platforms)("B15 overflow 'reject' on $name", (platform) => {
  it('answers 503 when maxPending tasks wait, and leaves those of other requests alone', async () => {
    const { url, host, gate, app } = await startFull(platform);

    const refused = await fetch(`${url}/add/refused?count=1`);
    expect(refused.status).toBe(503);
    expect(await refused.text()).not.toContain('maxPending');
    expect(host.stats()).toMatchObject({ accepted: 3, running: 1, waiting: 2 });

    gate('busy').resolve();
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 3, succeeded: 3 });
  });

  it('still answers requests that add nothing', async () => {
    const { url, gate } = await startFull(platform);
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong');
    gate('busy').resolve();
  });

  it('accepts tasks again when there is room', async () => {
    const { url, host, gate, app } = await startFull(platform);
    expect((await fetch(`${url}/add/refused?count=1`)).status).toBe(503);
    gate('busy').resolve();
    await settled(app);
    gate('later').resolve();
    expect((await fetch(`${url}/add/later?count=2`)).status).toBe(200);
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 5, succeeded: 5 });
  });

  it('throws QUEUE_FULL where the task is added, and keeps the tasks that had room', async () => {
    const { url, host, gate, app } = await start(platform);
    gate('mine').resolve();
    expect(await (await fetch(`${url}/catch/mine?count=5`)).json()).toEqual({ code: 'QUEUE_FULL' });
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 2, succeeded: 2 });
  });

  it('drops the tasks of the request that it answers with 503, and gives their room back', async () => {
    const { url, host, gate, app } = await start(platform);
    gate('mine').resolve();
    expect((await fetch(`${url}/add/mine?count=3`)).status).toBe(503);
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 2, discarded: 2 });
    expect((await fetch(`${url}/add/mine?count=2`)).status).toBe(200);
    await settled(app);
    expect(host.stats()).toMatchObject({ accepted: 4, discarded: 2, succeeded: 2 });
  });
});

/** At most two tasks wait and one runs. */
async function start(platform: Platform) {
  const { LoadController, timeline, gate } = loadController();
  const options = { maxPending: 2, maxRunning: 1 };
  const { app, url } = await startApp(platform, { controllers: [LoadController], options });
  return { app, url, timeline, gate, host: app.get(BackgroundTasksHost) };
}

/** One task runs until the gate 'busy' opens, and two wait. */
async function startFull(platform: Platform) {
  const started = await start(platform);
  const { url, timeline, gate } = started;
  await fetch(`${url}/add/busy?count=1`);
  await timeline.until('ran busy');
  gate('waiting').resolve();
  expect((await fetch(`${url}/add/waiting?count=2`)).status).toBe(200);
  return started;
}
