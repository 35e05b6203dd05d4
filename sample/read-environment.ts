import { z } from 'zod';

/** Checks the environment of a sample. Throws what is wrong with it, in words for whoever has set it. */
export function readEnvironment<Schema extends z.ZodType>(
  schema: Schema,
  variables: Record<string, string | undefined>,
): z.output<Schema> {
  const { data, error } = schema.safeParse(variables);
  if (error) throw new Error(`The environment holds a bad setting.\n${z.prettifyError(error)}`);
  return data!;
}
