import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { InvalidOptionError } from '../errors/errors.js';
import { client } from './load-client.js';

/** The upper bounds of a histogram of times: tasks take from milliseconds to minutes. */
const SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 300];

/** Metrics of one prefix in a registry. */
export class MetricSet {
  readonly #names: string[] = [];

  constructor(
    private readonly registry: Registry,
    private readonly prefix: string,
  ) {}

  counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new client.Counter({ ...this.#settings(name, help), labelNames });
  }

  gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new client.Gauge({ ...this.#settings(name, help), labelNames });
  }

  histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: readonly number[] = SECONDS,
  ): Histogram<Label> {
    return new client.Histogram({ ...this.#settings(name, help), labelNames, buckets: [...buckets] });
  }

  /** Adds a gauge that is read at each scrape. */
  reading(name: string, help: string, read: () => number): Gauge {
    return new client.Gauge({
      ...this.#settings(name, help),
      collect() {
        this.set(read());
      },
    });
  }

  /** Takes them out of the registry, which may outlive the application. */
  remove(): void {
    for (const name of this.#names) this.registry.removeSingleMetric(name);
  }

  #settings(name: string, help: string) {
    const full = `${this.prefix}${name}`;
    if (this.registry.getSingleMetric(full)) {
      const fix = `The registry has ${full} already. Give each application a registry or a prefix of its own.`;
      throw new InvalidOptionError('prefix', this.prefix, fix);
    }
    this.#names.push(full);
    return { name: full, help, registers: [this.registry] };
  }
}
