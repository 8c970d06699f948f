// Fetching with progress.

/** How far something is. */
export interface Loading {
  readonly what: string;
  readonly bytes: number;
  /** Undefined where the server does not say. */
  readonly total: number | undefined;
}

/** @throws Error in words when it cannot be had. */
export async function fetchBytes(
  address: URL,
  onProgress: (loading: Omit<Loading, 'what'>) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address).catch(() => {
    throw new Error(`${address.pathname}: the server does not answer`);
  });
  if (!response.ok) throw new Error(`${address.pathname}: expected a file, found the answer ${response.status}`);
  // A length of compressed content would be another one.
  const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length');
  const total = length === null ? undefined : Number(length);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    parts.push(read.value);
    bytes += read.value.length;
    onProgress({ bytes, total });
  }
  const content = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    content.set(part, at);
    at += part.length;
  }
  return content;
}

/** In words: `Loading the engine: 5.2 of 13.6 MB`. */
export function loadingWords({ what, bytes, total }: Loading): string {
  const megabytes = (count: number) => (count / 1e6).toFixed(1);
  return `Loading ${what}: ${megabytes(bytes)}${total === undefined ? '' : ` of ${megabytes(total)}`} MB`;
}
