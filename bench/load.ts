import autocannon from 'autocannon';

// The load generator process: told { url, requests } by its parent, it reports how many seconds they took.
process.on('message', ({ url, requests }: { url: string; requests: number }) => {
  const begin = performance.now();
  void autocannon({ url, connections: 20, amount: requests }).then((result) => {
    if (result.errors + result.non2xx > 0) throw new Error(`${result.errors} errors, ${result.non2xx} bad answers from ${url}`);
    process.send!((performance.now() - begin) / 1_000);
  });
});
process.on('disconnect', () => process.exit());
