/** Reads the endpoint as Prometheus does. */
export async function scrape(url: string): Promise<Map<string, number>> {
  const response = await fetch(url);
  const text = await response.text();
  const type = response.headers.get('content-type');
  if (!type?.startsWith('text/plain; version=0.0.4'))
    throw new Error(`Answered ${response.status} as ${type}: ${text}`);
  return series(text);
}

/** The value of each series in the text format of Prometheus. */
export function series(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
