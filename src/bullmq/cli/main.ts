#!/usr/bin/env node
import { run } from './run.js';

// A reader that has seen enough, such as head(1), closes the pipe.
process.stdout.on('error', () => process.exit());
const { exitCode, stdout, stderr } = await run(process.argv.slice(2), process.env);
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = exitCode;
