import { Controller, Get, Inject, Injectable, type Provider, Scope, type Type } from '@nestjs/common';
import { answer } from './work.js';

@Injectable({ scope: Scope.REQUEST })
export class Empty {}

@Controller()
export class WithEmpty {
  constructor(readonly empty: Empty) {}

  @Get()
  get() {
    return answer;
  }
}

class Session {
  readonly id = 1;
}

export const plainSession: Provider = { provide: Session, scope: Scope.REQUEST, useFactory: async () => new Session() };

@Controller()
export class WithPlainSession {
  constructor(readonly session: Session) {}

  @Get()
  get() {
    return answer;
  }
}

const tokens = Array.from({ length: 5 }, (_, level) => `level-${level}`);

export const chain: Provider[] = tokens.map((provide, level) => ({
  provide,
  scope: Scope.REQUEST,
  inject: level === 0 ? [] : [tokens[level - 1]!],
  useFactory: async () => new Session(),
}));

/** A controller whose provider depends on another, and so on, that many levels deep. */
export function deep(levels: number): Type {
  @Controller()
  class Deep {
    constructor(@Inject(tokens[levels - 1]) readonly session: Session) {}

    @Get()
    get() {
      return answer;
    }
  }
  return Deep;
}

/** Request-scoped classes `provider-0` …, with a disposer or without. */
function classes(count: number, isDisposable: boolean): Provider[] {
  return Array.from({ length: count }, (_, index) => {
    const useClass: Type = isDisposable
      ? class {
          onRequestDispose(): void {}
        }
      : class {};
    Injectable({ scope: Scope.REQUEST })(useClass);
    return { provide: `provider-${index}`, useClass, scope: Scope.REQUEST };
  });
}

export const ten = (isDisposable: boolean): Provider[] => classes(10, isDisposable);
export const registered = (count: number): Provider[] => classes(count, true);

@Controller()
export class WithTen {
  constructor(
    @Inject('provider-0') readonly p0: object,
    @Inject('provider-1') readonly p1: object,
    @Inject('provider-2') readonly p2: object,
    @Inject('provider-3') readonly p3: object,
    @Inject('provider-4') readonly p4: object,
    @Inject('provider-5') readonly p5: object,
    @Inject('provider-6') readonly p6: object,
    @Inject('provider-7') readonly p7: object,
    @Inject('provider-8') readonly p8: object,
    @Inject('provider-9') readonly p9: object,
  ) {}

  @Get()
  get() {
    return answer;
  }
}

@Controller()
export class WithThree {
  constructor(
    @Inject('provider-0') readonly p0: object,
    @Inject('provider-1') readonly p1: object,
    @Inject('provider-2') readonly p2: object,
  ) {}

  @Get()
  get() {
    return answer;
  }
}
