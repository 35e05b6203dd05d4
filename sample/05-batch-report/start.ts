import { runWebAndWorker } from '../web-and-worker.js';
import { Settings } from './settings.js';

await runWebAndWorker(import.meta.url, () => new Settings(process.env));
