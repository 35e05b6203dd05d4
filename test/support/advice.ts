import { Controller, Get, Req } from '@nestjs/common';
import { expect } from 'vitest';
import {
  type BackgroundTasks,
  type BackgroundTasksError,
  type BackgroundTasksErrorCode,
  Tasks,
} from '../../src/index.js';
import { settled } from '../../src/testing/index.js';
import { type AppSettings, type Platform, type RunningApp, startApp } from './platforms.js';

/** The fix that the message of an error names, and what shows that it works. */
export interface Advice<Where = void> {
  readonly code: BackgroundTasksErrorCode;
  /** A part of the message. */
  readonly fix: string;
  /** Does the same twice: as it fails, and with the fix. Rejects with the error. */
  readonly apply: (isFixed: boolean, where: Where) => unknown;
}

/** Meets the error, looks for the fix in its message, applies it, and tells what failed then. */
export async function follow<Where>({ fix, apply }: Advice<Where>, where: Where): Promise<Followed> {
  const { code, message = '' } = ((await failureOf(() => apply(false, where))) ?? {}) as Partial<BackgroundTasksError>;
  return { code, fix: message.includes(fix) ? fix : message, failure: await failureOf(() => apply(true, where)) };
}

/** What {@link follow} resolves with if the advice is right. */
export function works({ code, fix }: Pick<Advice, 'code' | 'fix'>): Followed {
  return { code, fix, failure: undefined };
}

interface Followed {
  readonly code: string | undefined;
  /** The fix, or the message if it does not name it. */
  readonly fix: string;
  /** What was thrown with the fix applied. */
  readonly failure: unknown;
}

/** Has the handler of a request do some work, and waits for its tasks. Rejects with what the work threw. */
export async function inHandler(
  platform: Platform,
  work: (tasks: BackgroundTasks, running: RunningApp, request: object) => unknown,
  settings: AppSettings = {},
): Promise<RunningApp> {
  let failure: unknown;
  const started: { running?: RunningApp } = {};
  @Controller('work')
  class WorkController {
    @Get()
    async handle(@Tasks() tasks: BackgroundTasks, @Req() request: object) {
      failure = await failureOf(() => work(tasks, started.running!, request));
      return 'done';
    }
  }
  const running = await startApp(platform, {
    ...settings,
    controllers: [WorkController, ...(settings.controllers ?? [])],
  });
  started.running = running;
  const { status } = await fetch(`${running.url}/work`);
  await settled(running.app);
  if (failure !== undefined) throw failure as Error;
  expect(status).toBe(200);
  return running;
}

/** What the work throws, at once or later; `undefined` if nothing. */
export async function failureOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}
