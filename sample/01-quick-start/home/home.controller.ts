import { Controller, Get, Header } from '@nestjs/common';
import { readFileSync } from 'node:fs';

@Controller()
export class HomeController {
  readonly #page = readFileSync(new URL('./index.html', import.meta.url), 'utf8');

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  page(): string {
    return this.#page;
  }
}
