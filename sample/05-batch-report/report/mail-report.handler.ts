import { type Handles, TaskHandler } from 'nestjs-background-tasks';
import { createTransport } from 'nodemailer';
import { Settings } from '../settings.js';
import { MailReport } from './build-report.js';
import { Inbox } from './inbox.js';

@TaskHandler(MailReport)
export class MailReportHandler implements Handles<typeof MailReport> {
  constructor(
    private readonly settings: Settings,
    private readonly inbox: Inbox,
  ) {}

  async run({ email, file }: { email: string; file: string }): Promise<void> {
    await createTransport(this.settings.smtpUrl ?? (await this.inbox.url())).sendMail({
      from: 'Reports <reports@example.com>',
      to: email,
      subject: 'Your report',
      text: 'It is attached.',
      attachments: [{ path: file }],
    });
  }
}
