import { Body, Controller, Post } from '@nestjs/common';
import { BackgroundTasks } from 'nestjs-background-tasks';
import { z } from 'zod';
import { Timeline } from '../timeline/timeline.js';
import { Mailer } from './mailer.js';

const NewUser = z.object({ email: z.email() });

/** The plainest way in: the tasks of the request are injected like anything else. */
@Controller('users')
export class UsersController {
  constructor(
    private readonly tasks: BackgroundTasks,
    private readonly mailer: Mailer,
    private readonly timeline: Timeline,
  ) {}

  @Post()
  create(@Body({ schema: NewUser }) { email }: z.infer<typeof NewUser>) {
    this.tasks.addTask(this.mailer, 'sendVerification', email, this.timeline);
    return { message: 'User created, verification email will be sent.' };
  }
}
