import { Agent, request } from 'node:http';
import { workerData } from 'node:worker_threads';

// Makes requests one after the other on a thread of its own, and counts the complete responses in
// shared memory, so that the server's thread can stand still and still see what has arrived.
const { port, path, requests, received } = workerData;
const agent = new Agent({ keepAlive: true });

for (let index = 0; index < requests; index++) {
  await new Promise((resolve, reject) => {
    request({ port, path, agent, host: '127.0.0.1' }, (response) => {
      response.resume().once('end', () => {
        Atomics.add(received, 0, 1);
        Atomics.notify(received, 0);
        resolve();
      });
    })
      .once('error', reject)
      .end();
  });
}
agent.destroy();
