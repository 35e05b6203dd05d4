import { isInstance } from '../../errors/safely.js';

/** Shows rows in columns, under the names of their members. `none` is shown in place of an empty table. */
export function tableOf(rows: readonly Row[], none: string): string {
  const [first] = rows;
  if (!first) return none;
  const names = Object.keys(first);
  const lines = [names, ...rows.map((row) => names.map((name) => cellOf(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

type Row = Readonly<Record<string, string | number | Date | undefined>>;

/** Drops control characters: whoever can write to the server could send orders to the terminal. */
function cellOf(value: Row[string]): string {
  if (value === undefined) return '-';
  if (isInstance(value, Date)) return value.toISOString();
  const text = String(value).replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ');
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}

/** Characters of a cell. `--json` shows all. */
const MAX_CELL = 80;
