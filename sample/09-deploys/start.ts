import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { findRedis } from '../find-redis.js';
import { Deploys } from './deploys.js';
import { Settings } from './settings.js';

const DEPLOYS = 5;
const CLIENTS = 20;

const { dataDir } = new Settings(process.env);
const journal = join(dataDir, 'journal');
mkdirSync(dataDir, { recursive: true });
const redis = await findRedis(process.env['REDIS_URL'], dataDir);
console.log(
  `${CLIENTS} clients order without a pause while ${DEPLOYS} deploys replace the process. This takes a while…\n`,
);
console.log('| the old process ends by | orders answered 2xx | mails lost | invoices lost |\n|---|---|---|---|');
for (const signal of ['SIGTERM', 'SIGKILL'] as const) console.log(await row(signal));
await redis.stop();

/** Deploys again and again under load, and counts the orders that were answered and what was not done for them. */
async function row(signal: 'SIGTERM' | 'SIGKILL'): Promise<string> {
  rmSync(journal, { force: true });
  const deploys = new Deploys({ ...process.env, DATA_DIR: dataDir, REDIS_URL: redis.url });
  await deploys.deploy(signal);
  const answered: string[] = [];
  const stopping = new AbortController();
  const clients = Array.from({ length: CLIENTS }, (_, client) => order(client, deploys, answered, stopping.signal));
  for (let count = 0; count < DEPLOYS; count++) {
    await setTimeout(500);
    await deploys.deploy(signal);
  }
  stopping.abort();
  await Promise.all(clients);
  const lost = async (what: string) => {
    // The jobs of a killed worker run once it is missed.
    for (let tries = 0; tries < 100 && missing(what, answered).length > 0; tries++) await setTimeout(100);
    return missing(what, answered).length;
  };
  const invoices = await lost('invoice');
  await deploys.end();
  return `| \`${signal}\` | ${answered.length} | ${missing('mail', answered).length} | ${invoices} |`;
}

/** Orders without a pause. An order whose connection broke was not answered, and so was not promised. */
async function order(client: number, deploys: Deploys, answered: string[], stopping: AbortSignal): Promise<void> {
  for (let count = 0; !stopping.aborted; count++) {
    const id = `${client}-${count}`;
    const answer = await fetch(`${deploys.url}/orders/${id}`, { method: 'POST' }).catch(() => undefined);
    if (answer?.ok) answered.push(id);
    else await setTimeout(20);
  }
}

/** The orders that were answered, and for which that was not done. */
function missing(what: string, answered: readonly string[]): readonly string[] {
  const done = new Set(existsSync(journal) ? readFileSync(journal, 'utf8').split('\n') : []);
  return answered.filter((id) => !done.has(`${what} ${id}`));
}
