export interface TextResponse {
  readonly status: number;
  readonly body: string;
}

/** Makes a request and reads the whole response. */
export async function fetchText(url: string, init?: RequestInit): Promise<TextResponse> {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.text() };
}
