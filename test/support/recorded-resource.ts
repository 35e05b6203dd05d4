import type { InjectionToken, OptionalFactoryDependency } from '@nestjs/common';
import { provideResource } from '../../src/index.js';
import type { Timeline } from './timeline.js';

export interface RecordedResourceSettings {
  readonly provide: InjectionToken;
  readonly release?: 'before-response' | 'after-tasks';
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
  /** Called when the resource is asked to commit; may throw. */
  readonly commit?: () => unknown;
  /** Called with what was thrown in; may throw something else, or not rethrow by returning 'swallow'. */
  readonly rollback?: (error: unknown) => unknown;
}

/** A resource that notes what its life brings: opened, committed or rolled back, released. */
export function recordedResource(
  timeline: Timeline,
  { provide, inject = [], release, commit, rollback }: RecordedResourceSettings,
) {
  const name = typeof provide === 'function' ? provide.name : String(provide);
  return provideResource({
    provide,
    inject,
    ...(release && { release }),
    async *useFactory() {
      timeline.note(`${name} opened`);
      try {
        yield { name };
        await commit?.();
        timeline.note(`${name} committed`);
      } catch (error) {
        timeline.note(`${name} rolled back: ${(error as Error).message}`);
        if ((await rollback?.(error)) !== 'swallow') throw error;
      } finally {
        timeline.note(`${name} released`);
      }
    },
  });
}
