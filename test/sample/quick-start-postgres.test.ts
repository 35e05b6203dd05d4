import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { preparePostgres } from '../support/postgres.js';
import { samplePlatforms, startQuickStart } from '../support/quick-start.js';
import { useServer } from '../support/servers.js';

const server = useServer(preparePostgres);

describe.each(samplePlatforms)('The quick start on %s, with PostgreSQL', (PLATFORM) => {
  it('writes each audit row through the session that wrote the item, and gives every session back', async () => {
    const sample = await startQuickStart({ PLATFORM, DATABASE_URL: server().url });
    const names = Array.from({ length: 25 }, (_, index) => `${PLATFORM} ${index}`);

    // More than twice what the pool holds: a session that is not given back would leave the rest waiting.
    const answers = await Promise.all(names.map((name) => sample.post('/items/7', { name })));
    const timelines = await Promise.all(answers.map((answer) => answer.timeline()));

    const client = await connect();
    const { rows } = await client.query<{ name: string; isSame: boolean }>(
      `select i.name, i.session = a.session as "isSame" from quick_start_item i
       join quick_start_audit_entry a on a."itemId" = i.id where i.name like $1`,
      [`${PLATFORM}%`],
    );
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 201));
    expect(rows.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(rows.every(({ isSame }) => isSame)).toBe(true);
    const stages = ['request', 'handler', 'handler', 'handler', 'response', 'task', 'disposal', 'disposal'];
    expect(timelines.map((timeline) => timeline.map(({ stage }) => stage))).toEqual(names.map(() => stages));
  });

  it('answers 500 when the commit fails, and keeps neither the item nor an audit row', async () => {
    const sample = await startQuickStart({ PLATFORM, DATABASE_URL: server().url });
    const client = await connect();
    await client.query(`
      create or replace function refuse() returns trigger language plpgsql as $$ begin raise 'refused at commit'; end $$;
      create constraint trigger refuse after insert on quick_start_item deferrable initially deferred
      for each row when (new.name = 'refused') execute function refuse()`);
    onTestFinished(async () => {
      await client.query('drop function refuse cascade');
    });

    const answer = await sample.post('/items/7', { name: 'refused' });
    const texts = (await answer.timeline()).map(
      ({ stage, text }) => `${stage}: ${text.replace(/session \S+/i, 'session')}`,
    );

    expect(answer.status).toBe(500);
    expect(texts.slice(-4)).toEqual([
      'handler: Transaction of session rolled back',
      'response: 500 Internal Server Error',
      'disposal: session released',
      'disposal: Request closed, nothing of it is left open',
    ]);
    const { rows } = await client.query(`select 1 from quick_start_item where name = 'refused'`);
    expect(rows).toEqual([]);
  });
});

async function connect(): Promise<Client> {
  const client = new Client(server().url);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}
