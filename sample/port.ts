import { once } from 'node:events';
import { createServer } from 'node:net';
import { relative } from 'node:path';

/** Ends the process, with one sentence, if another program has the port. Call it before anything is opened. */
export async function requireFreePort(port: number, host: string): Promise<void> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    console.error(`Another program uses port ${port}, so choose another port: PORT=${nextPort(port)} ${command()}`);
    process.exit(1);
  }
  server.close();
  await once(server, 'close');
}

function nextPort(port: number): number {
  return port < 65_535 ? port + 1 : 3000;
}

/** The command that started this process. */
function command(): string {
  const script = process.env['npm_lifecycle_event'];
  if (script === undefined) return `node ${relative(process.cwd(), process.argv[1]!)}`;
  return script === 'start' ? 'npm start' : `npm run sample ${process.env['SAMPLE']}`;
}
