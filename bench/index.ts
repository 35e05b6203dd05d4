// npm run bench [-- --quick] [-- --only <text>] [-- --seconds <each>] [-- --json <file>], or npm run bench -- durable,
// npm run bench -- transports, npm run bench -- transactions, npm run bench -- batches, or npm run bench -- reports
if (process.argv.includes('durable')) await import('./durable.js');
else if (process.argv.includes('batches')) await import('./batches.js');
else if (process.argv.includes('reports')) await import('./reports.js');
else if (process.argv.includes('transactions')) await import('./transactions.js');
else if (process.argv.includes('transports')) await import('./transports.js');
else await import('./run.js');
