import autocannon from 'autocannon';

/** autocannon looks at the clock this often, so a run is this precise. */
const SAMPLE_MS = 20;

// The load generator process: told { url, seconds } by its parent, it reports how many requests were answered.
process.on('message', ({ url, seconds }: { url: string; seconds: number }) => {
  void autocannon({ url, connections: 20, duration: seconds, sampleInt: SAMPLE_MS }).then((result) => {
    if (result.errors + result.non2xx > 0) throw new Error(`${result.errors} errors, ${result.non2xx} bad answers from ${url}`);
    process.send!({ requests: result.requests.total, seconds: result.duration });
  });
});
process.on('disconnect', () => process.exit());

/**
 * Never sleeps. To wake a process on another core costs the one that writes to it more than all its
 * own work, and a server that is a little slower finds the load asleep more often: that would be
 * measured, not the server.
 */
function stayAwake(): void {
  setImmediate(stayAwake);
}
stayAwake();
