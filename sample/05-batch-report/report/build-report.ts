import { defineTask } from 'nestjs-background-tasks';
import { z } from 'zod';

export const ReportOrder = z.object({ year: z.int().min(2000).max(2099), email: z.email() });
export type ReportOrder = z.infer<typeof ReportOrder>;

/** Takes minutes. */
export const BuildReport = defineTask({ name: 'build-report', schema: ReportOrder, timeoutMs: 600_000 });

/** Follows when the report is there. */
export const MailReport = defineTask<{ email: string; file: string }>({ name: 'mail-report' });
