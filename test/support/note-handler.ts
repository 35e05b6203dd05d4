import { type Handles, TaskHandler } from '../../src/index.js';
import { Note } from './transaction-app.js';

@TaskHandler(Note)
export class NoteHandler implements Handles<typeof Note> {
  run(): void {}
}
