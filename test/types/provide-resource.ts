import { REQUEST } from '@nestjs/core';
import { BackgroundTasks, provideResource } from '../../src/index.js';

export const correct = () => [
  provideResource({
    provide: Session,
    inject: [DataSource],
    async *useFactory(source: DataSource) {
      yield await source.begin();
    },
  }),
  provideResource({
    provide: Session,
    *useFactory() {
      yield new Session();
    },
    release: 'before-response',
  }),
  provideResource({
    provide: Session,
    inject: [DataSource, BackgroundTasks, REQUEST, 'LIMIT'],
    useFactory: async (source: DataSource, _tasks: BackgroundTasks, _request: { url: string }, _limit: number) =>
      source.begin(),
    dispose: (session, outcome) => session.release(outcome.error),
  }),
  provideResource({
    provide: Session,
    inject: [{ token: DataSource, optional: true }],
    async *useFactory(source?: DataSource) {
      yield (await source?.begin()) ?? new Session();
    },
  }),
  provideResource({
    provide: Session,
    inject: [{ token: DataSource, optional: false }],
    useFactory: (source: DataSource) => source.begin(),
    dispose: (session: Session) => session.release(),
  }),
  provideResource({
    provide: Session,
    inject: [DataSource],
    // It needs less than it is given.
    *useFactory() {
      yield new AuditedSession();
    },
  }),
  provideResource({
    provide: AbstractSession,
    *useFactory() {
      yield new Session();
    },
  }),
  provideResource({
    provide: 'FILE',
    useFactory: () => ({ close: () => undefined }),
    dispose: (file) => file.close(),
  }),
  provideResource({
    provide: Symbol('counter'),
    *useFactory() {
      yield 1;
    },
  }),
];

export const inferred = () => [
  provideResource({
    provide: Session,
    inject: [DataSource, BackgroundTasks],
    async *useFactory(source, tasks) {
      tasks.addTask(() => undefined);
      yield await source.begin();
    },
  }),
  provideResource({
    provide: Session,
    inject: [DataSource, Mailer],
    useFactory: (source) => source.begin(),
    dispose: (session) => session.release(),
  }),
  provideResource({
    provide: Session,
    inject: [DataSource],
    useFactory: (source: DataSource, attempts = 1) => (attempts > 0 ? source.begin() : new Session()),
    dispose: (session, { succeeded }) => succeeded && session.release(),
  }),
  provideResource({
    provide: 'LENGTH',
    inject: ['NAME'],
    useFactory: (name: string) => name.length,
    dispose: (length) => length.toFixed(),
  }),
];

export function theValueKeepsItsType(): (AuditedSession | Promise<AuditedSession>)[] {
  const provider = provideResource({
    provide: Session,
    *useFactory() {
      yield new AuditedSession();
    },
  });
  const named = provideResource({ provide: 'NAME', useFactory: () => 'a string', dispose: () => undefined });
  // @ts-expect-error -- it is a string
  return [provider.useFactory(), named.useFactory()];
}

export function wrongValues(): void {
  provideResource({
    provide: Session,
    // @ts-expect-error -- a number is no session
    *useFactory() {
      yield 1;
    },
  });
  provideResource({
    provide: Session,
    // @ts-expect-error -- nor is the source of one
    useFactory: () => new DataSource(),
    dispose: () => undefined,
  });
  provideResource({
    provide: Session,
    // @ts-expect-error -- await it before the yield
    async *useFactory() {
      yield new DataSource().begin;
    },
  });
}

export function wrongDependencies(): void {
  provideResource({
    provide: Session,
    inject: [DataSource],
    // @ts-expect-error -- the first thing injected is a source
    *useFactory(_mailer: Mailer) {
      yield new Session();
    },
  });
  provideResource({
    provide: Session,
    inject: [DataSource],
    // @ts-expect-error -- nothing is injected for the second parameter
    *useFactory(_source: DataSource, _mailer: Mailer) {
      yield new Session();
    },
  });
  provideResource({
    provide: Session,
    // @ts-expect-error -- nothing is injected
    useFactory: (source: DataSource) => source.begin(),
    dispose: () => undefined,
  });
  provideResource({
    provide: Session,
    inject: [Mailer, DataSource],
    // @ts-expect-error -- the other way round
    useFactory: (source: DataSource, _mailer: Mailer) => source.begin(),
    dispose: () => undefined,
  });
}

export function impossibleCombinations(): void {
  // @ts-expect-error -- a generator releases after its yield
  provideResource({
    provide: Session,
    *useFactory() {
      yield new Session();
    },
    dispose: (session: Session) => session.release(),
  });
  // @ts-expect-error -- whatever the token
  provideResource({
    provide: 'SESSION',
    *useFactory() {
      yield new Session();
    },
    dispose: () => undefined,
  });
  // @ts-expect-error -- who gives it back?
  provideResource({ provide: Session, useFactory: () => new Session() });
  // @ts-expect-error -- a value that exists already belongs to somebody else
  provideResource({ provide: Session, useValue: new Session(), dispose: () => undefined });
  // @ts-expect-error -- which token?
  provideResource({ useFactory: () => new Session(), dispose: () => undefined });
  provideResource({
    provide: Session,
    useFactory: () => new Session(),
    // @ts-expect-error -- dispose gets the value
    dispose: (source: Mailer) => source,
  });
  provideResource({
    provide: Session,
    useFactory: () => new Session(),
    dispose: () => undefined,
    // @ts-expect-error -- 'before-response' or 'after-tasks'
    release: 'never',
  });
}

abstract class AbstractSession {
  abstract release(error?: unknown): Promise<void>;
}

class Session extends AbstractSession {
  readonly id = 1;

  release(_error?: unknown): Promise<void> {
    return Promise.resolve();
  }
}

class AuditedSession extends Session {}

class DataSource {
  begin(): Promise<Session> {
    return Promise.resolve(new Session());
  }
}

class Mailer {
  send(): void {}
}
