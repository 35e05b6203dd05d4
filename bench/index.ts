// npm run bench [-- --quick] [-- --only <text>] [-- --seconds <each>] [-- --json <file>], or npm run bench -- durable
await (process.argv.includes('durable') ? import('./durable.js') : import('./run.js'));
