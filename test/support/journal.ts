import { beforeEach } from 'vitest';

/** What happened, in order; empty at the start of each test of the file. */
export function useJournal(): string[] {
  const journal: string[] = [];
  beforeEach(() => {
    journal.length = 0;
  });
  return journal;
}
