import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface Call {
  readonly path: string;
  readonly method?: string;
  /** Whether the client leaves as soon as it has sent the request. */
  readonly leaves?: boolean;
}

/** Sends one request. `undefined` when the connection was refused, reset or left. */
export function send(
  port: number,
  agent: Agent,
  { path, method = 'POST', leaves = false }: Call,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, agent, path, method }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    });
    sent.on('error', () => resolve(undefined));
    if (leaves) sent.on('finish', () => sent.destroy());
    sent.end();
  });
}

export interface Load {
  readonly port: number;
  readonly clients: number;
  readonly keepAlive: boolean;
  /** The next request; `undefined` ends the client that asks. */
  readonly next: (index: number) => Call | undefined;
  readonly answered?: (answer: Answer) => void;
}

/** Lets that many clients send one request after the other until there is no next, or the server is gone. */
export async function load({ port, clients, keepAlive, next, answered }: Load): Promise<void> {
  const agent = new Agent({ keepAlive, maxSockets: clients });
  let index = 0;
  let refusals = 0;
  const client = async () => {
    // A server that is gone refuses everybody; a single refusal may be a connection that was swept.
    for (let call = next(index++); call && refusals < clients; call = next(index++)) {
      const answer = await send(port, agent, call);
      if (answer) answered?.(answer);
      else if (!call.leaves) refusals++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
}
