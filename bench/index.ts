// npm run bench [-- --quick] [-- --only <text>] [-- --seconds <each>] [-- --json <file>], or npm run bench -- durable,
// or npm run bench -- transports
if (process.argv.includes('durable')) await import('./durable.js');
else if (process.argv.includes('transports')) await import('./transports.js');
else await import('./run.js');
