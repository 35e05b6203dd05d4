import { NotFoundException } from '@nestjs/common';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { provideResource } from 'nestjs-background-tasks';
import { z } from 'zod';
import { CurrentUser } from './current-user.js';

const Content = z.object({ title: z.string(), fileName: z.string().regex(/^[\w-]+\.txt$/) });

/** Level three: what the user's tenant has set, in a file of its own. */
export class TenantSettings {
  constructor(
    readonly title: string,
    readonly fileName: string,
  ) {}
}

export const tenantSettings = provideResource({
  provide: TenantSettings,
  inject: [CurrentUser],
  async *useFactory({ name, tenant }: CurrentUser) {
    const file = new URL(`./tenants/${tenant}.json`, import.meta.url);
    if (!existsSync(file)) throw new NotFoundException(`${name}'s tenant has no settings file.`);
    const { title, fileName } = Content.parse(JSON.parse(await readFile(file, 'utf8')));
    yield new TenantSettings(title, fileName);
  },
});
