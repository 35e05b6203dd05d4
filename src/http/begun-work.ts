import { isPromise, whenSettled } from '../errors/safely.js';

export interface BegunWorkListener {
  /** Something that has begun has settled or returned. */
  begunSettled(): void;
}

/**
 * The work that a request has begun and not finished: its routes, handlers, middleware and exception filters. Promises are only
 * noted until somebody waits: that saves requests which use nothing of ours a callback for each.
 */
export class BegunWork {
  #noted: PromiseLike<unknown>[] | undefined;
  #notedHandlers: PromiseLike<unknown>[] | undefined;
  #listener: BegunWorkListener | undefined;
  #hasBegun = false;
  /** The calls that have not returned: their promises are not known yet. */
  #calls = 0;
  #unsettled = 0;
  #unsettledHandlers = 0;

  /** `isCounted`: whether to count from the start, as somebody may ask late. */
  constructor(private readonly isCounted: boolean) {}

  get isSettled(): boolean {
    return this.#calls + this.#unsettled === 0;
  }

  /** Whether everything that has begun has settled. Nothing may have begun yet. */
  get hasSettled(): boolean {
    return this.#hasBegun && this.isSettled;
  }

  get isHandlerRunning(): boolean {
    return this.#unsettledHandlers > 0;
  }

  /** Calls a function that may begin work. */
  call<T>(begin: () => T): T {
    this.#calls++;
    let result: T | undefined;
    try {
      return (result = begin());
    } finally {
      this.#calls--;
      if (isPromise(result)) this.track(result);
      else this.#listener?.begunSettled();
    }
  }

  /** Takes note of a promise. */
  track(work: PromiseLike<unknown>): void {
    this.#hasBegun = true;
    if (this.isCounted || this.#listener) this.#count(work);
    else (this.#noted ??= []).push(work);
  }

  /** Takes note of the promise of a handler, which may go on when its route has settled. */
  trackHandler(handler: PromiseLike<unknown>): void {
    this.#hasBegun = true;
    if (this.isCounted || this.#listener) this.#countHandler(handler);
    else (this.#notedHandlers ??= []).push(handler);
  }

  /** Tells the listener from now on, each time that something has settled or returned. */
  watch(listener: BegunWorkListener): void {
    this.#listener = listener;
    this.#noted?.forEach((work) => this.#count(work));
    this.#notedHandlers?.forEach((handler) => this.#countHandler(handler));
    this.#noted = this.#notedHandlers = undefined;
  }

  #count(work: PromiseLike<unknown>): void {
    this.#unsettled++;
    void whenSettled(work, () => {
      this.#unsettled--;
      this.#listener?.begunSettled();
    });
  }

  #countHandler(handler: PromiseLike<unknown>): void {
    this.#unsettledHandlers++;
    void whenSettled(handler, () => void this.#unsettledHandlers--);
    this.#count(handler);
  }
}
