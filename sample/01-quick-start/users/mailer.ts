import { Injectable } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import { Settings } from '../settings/settings.js';
import type { Timeline } from '../timeline/timeline.js';
import { Inbox } from './inbox.js';

@Injectable()
export class Mailer {
  constructor(
    private readonly settings: Settings,
    private readonly inbox: Inbox,
  ) {}

  async sendVerification(email: string, timeline: Timeline): Promise<void> {
    const transport = createTransport(this.settings.smtpUrl ?? this.inbox.url);
    const { response } = await transport.sendMail({
      from: 'Quick start <welcome@example.com>',
      to: email,
      subject: 'Please verify your address',
      text: 'Welcome! Reply to this mail, and we know that it reached you.',
    });
    timeline.note('task', `Mail delivered to ${email} (${response})`);
  }
}
