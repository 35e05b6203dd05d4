import type { InspectorStatus, LiveMessage, ScopeRecord, TaskLookup } from '../src/inspector/records.js';
import { hasFailed } from './outcome.js';

/** Whether the server can be reached. */
export type Link = 'connecting' | 'live' | 'away' | 'refused';

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
/** How long to wait between two announcements to a screen reader. */
const ANNOUNCE_MS = 5_000;

/** What the server has told, and the connection that it comes by. */
export class Store {
  #records = new Map<string, ScopeRecord>();
  /** What has come since the page was paused; shown when it goes on. */
  readonly #held = new Map<string, ScopeRecord>();
  #order: readonly ScopeRecord[] = [];
  #byTask = new Map<string, ScopeRecord[]>();
  #byScope = new Map<string, ScopeRecord[]>();
  #ownerOfTask = new Map<string, ScopeRecord>();
  readonly #listeners = new Set<() => void>();
  #source: EventSource | undefined;
  #timer: number | undefined;
  #run = '';
  #cursor = 0;
  #isFilled = false;
  #failures = 0;
  #capacity = 500;
  #fresh = { count: 0, failed: 0 };
  #announcedAt = 0;
  #clockOffset = 0;
  version = 0;
  link: Link = 'connecting';
  status: InspectorStatus | undefined;
  lastHeardAt: number | undefined;
  retryAt: number | undefined;
  isPaused = false;
  isHidden = document.hidden;
  /** New scopes that are held back. */
  heldCount = 0;
  /** New scopes since the tab was hidden. */
  unseen = 0;
  missed = 0;
  announcement = '';

  constructor(private readonly base: string) {
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
  }

  /** The latest first. */
  get scopes(): readonly ScopeRecord[] {
    return this.#order;
  }

  get hasFirstAnswer(): boolean {
    return this.#isFilled;
  }

  /** The time of the server's clock. */
  get now(): number {
    return this.link === 'live' ? Date.now() + this.#clockOffset : (this.status?.at ?? Date.now());
  }

  find(id: string | undefined): ScopeRecord | undefined {
    return id === undefined ? undefined : this.#records.get(id);
  }

  /** The units of work that began in a task. */
  runsOf = (taskId: string): readonly ScopeRecord[] => this.#byTask.get(taskId) ?? [];

  childrenOf({ id }: ScopeRecord): readonly ScopeRecord[] {
    return this.#byScope.get(id) ?? [];
  }

  /** What it began in. A job knows no more than its task. */
  parentOf({ parent }: ScopeRecord): ScopeRecord | undefined {
    return this.find(parent?.scopeId) ?? this.#ownerOfTask.get(parent?.taskId ?? '');
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  connect = (): void => {
    clearTimeout(this.#timer);
    this.retryAt = undefined;
    this.#source?.close();
    const source = new EventSource(`${this.base}live?run=${this.#run}&since=${this.#cursor}`);
    this.#source = source;
    source.addEventListener('message', ({ data }: MessageEvent<string>) =>
      this.#receive(JSON.parse(data) as LiveMessage),
    );
    source.addEventListener('error', () => {
      source.close();
      if (this.#source === source) void this.#lost();
    });
  };

  togglePause = (): void => {
    this.isPaused = !this.isPaused;
    if (!this.isPaused) this.#release();
    this.#changed();
  };

  /** Asks how the backend has a named task now. Never rejects. */
  async lookUp(taskId: string): Promise<TaskLookup> {
    try {
      const response = await fetch(`${this.base}tasks/${encodeURIComponent(taskId)}`);
      if (response.ok) return (await response.json()) as TaskLookup;
      return { kind: 'unknown', reason: `The server answered ${response.status}.` };
    } catch {
      return { kind: 'unknown', reason: 'The server cannot be reached.' };
    }
  }

  async #lost(): Promise<void> {
    this.#source = undefined;
    const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]!;
    this.#timer = window.setTimeout(this.connect, wait);
    // A stream ends now and then on purpose, and the next one begins at once.
    if (this.#failures > 1 || this.status?.isDraining) {
      this.retryAt = Date.now() + wait;
      this.link = 'away';
    }
    this.#changed();
    // An event source does not tell why.
    const refused = await fetch(`${this.base}page.css`).then(
      ({ status }) => status === 401 || status === 403,
      () => false,
    );
    if (!refused || this.#source) return;
    clearTimeout(this.#timer);
    this.retryAt = undefined;
    this.link = 'refused';
    this.#changed();
  }

  #receive(message: LiveMessage): void {
    if (message.runId !== this.#run) this.#startOver(message.runId);
    this.#failures = 0;
    this.link = 'live';
    this.retryAt = undefined;
    this.#capacity = message.capacity;
    this.status = message.status;
    this.lastHeardAt = Date.now();
    this.#clockOffset = message.status.at - Date.now();
    this.missed += message.missed;
    const isNews = this.#isFilled;
    if (message.cursor !== undefined) {
      this.#cursor = message.cursor;
      this.#isFilled = true;
    }
    for (const record of message.records) {
      if (isNews && !this.#records.has(record.id) && !this.#held.has(record.id)) {
        this.#fresh.count++;
        if (this.isHidden) this.unseen++;
        if (this.isPaused) this.heldCount++;
      }
      if (isNews && hasFailed(record) && !hasFailedBefore(this.#records.get(record.id))) this.#fresh.failed++;
      this.#held.set(record.id, record);
    }
    if (message.records.length > 0 && !this.isPaused) this.#release();
    this.#trimHeld();
    this.#announce();
    this.#changed();
  }

  #startOver(run: string): void {
    this.#run = run;
    this.#cursor = 0;
    this.#isFilled = false;
    this.missed = 0;
    this.#records = new Map();
    this.#held.clear();
    this.heldCount = 0;
    this.#index();
  }

  /** Shows what was held back. */
  #release(): void {
    for (const [id, record] of this.#held) this.#records.set(id, record);
    this.#held.clear();
    this.heldCount = 0;
    this.#index();
  }

  #trimHeld(): void {
    for (const id of this.#held.keys()) {
      if (this.#held.size <= this.#capacity) return;
      this.#held.delete(id);
    }
  }

  #index(): void {
    let order = [...this.#records.values()].sort((a, b) => b.serial - a.serial);
    if (order.length > this.#capacity) {
      for (const { id } of order.slice(this.#capacity)) this.#records.delete(id);
      order = order.slice(0, this.#capacity);
    }
    this.#order = order;
    this.#byTask = new Map();
    this.#byScope = new Map();
    this.#ownerOfTask = new Map();
    for (const record of order)
      for (const { id, isNamed } of record.tasks) if (isNamed) this.#ownerOfTask.set(id, record);
    for (const record of order) {
      const taskId = record.parent?.taskId;
      if (taskId !== undefined && record.kind === 'task') push(this.#byTask, taskId, record);
      const parent = this.parentOf(record);
      if (parent) push(this.#byScope, parent.id, record);
    }
  }

  #announce(): void {
    const now = Date.now();
    if (this.#fresh.count + this.#fresh.failed === 0 || now - this.#announcedAt < ANNOUNCE_MS) return;
    const { count, failed } = this.#fresh;
    this.announcement = `${count} new${failed > 0 ? `, ${failed} failed` : ''}`;
    this.#announcedAt = now;
    this.#fresh = { count: 0, failed: 0 };
  }

  #visibilityChanged(): void {
    this.isHidden = document.hidden;
    if (this.isHidden) this.unseen = 0;
    this.#changed();
  }

  #changed(): void {
    this.version++;
    for (const listener of this.#listeners) listener();
  }
}

function hasFailedBefore(record: ScopeRecord | undefined): boolean {
  return record !== undefined && hasFailed(record);
}

function push(map: Map<string, ScopeRecord[]>, key: string, record: ScopeRecord): void {
  const list = map.get(key);
  if (list) list.push(record);
  else map.set(key, [record]);
}
