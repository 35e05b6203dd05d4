import { UnauthorizedException } from '@nestjs/common';
import { provideResource } from 'nestjs-background-tasks';
import { AccessToken } from './access-token.js';

/** Level two: whose token it is. */
export class CurrentUser {
  constructor(
    readonly name: string,
    readonly tenant: string,
  ) {}
}

/** Bob's tenant has no settings file. */
const users: ReadonlyMap<string, CurrentUser> = new Map([
  ['ada-token', new CurrentUser('Ada', 'acme')],
  ['bob-token', new CurrentUser('Bob', 'bauhaus')],
]);

export const currentUser = provideResource({
  provide: CurrentUser,
  inject: [AccessToken],
  *useFactory({ value }: AccessToken) {
    const user = users.get(value);
    if (!user) throw new UnauthorizedException('Nobody has this token.');
    yield user;
  },
});
