/** A server that a test starts, and does to it what happens to servers. */
export interface TestServer {
  readonly kind: 'Redis' | 'PostgreSQL';
  readonly url: string;
  /** What names it in the options of the module. */
  readonly options: { readonly connection: string } | { readonly postgres: string; readonly migrate: true };
  /** Starts it unless it runs, or starts it again: where it was, and with what it had. */
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Ends it, in whatever state it is, and leaves nothing behind. */
  remove(): Promise<void>;
}
