import { UnauthorizedException } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import type { IncomingMessage } from 'node:http';
import { provideResource } from 'nestjs-background-tasks';

/** Level one: what the client says it may do. */
export class AccessToken {
  constructor(readonly value: string) {}
}

export const accessToken = provideResource({
  provide: AccessToken,
  inject: [REQUEST],
  *useFactory({ headers }: IncomingMessage) {
    const [, value] = /^Bearer (\S+)$/i.exec(headers.authorization ?? '') ?? [];
    if (!value) throw new UnauthorizedException('Send a token, as in "Authorization: Bearer ada-token".');
    yield new AccessToken(value);
  },
});
