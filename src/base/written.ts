// What runs wrote into a folder, each piece of work with the digests of its files and of what it was made from: as records hold it.
import { createHash } from 'node:crypto';
import { isAbsolute } from 'node:path';
import * as v from 'valibot';

/** One piece of work: a frame, a pair, a video. */
export interface Written {
  /** Names the work within its folder. */
  readonly unit: string;
  /** Digest of the settings it was made with. */
  readonly run: string;
  /** Digest of what it was made from. */
  readonly source: string;
  /** SHA-256 of each file, by its path in the folder with `/` between names. */
  readonly files: Readonly<Record<string, string>>;
  /** Digest of what else is known of it: its line in a list. */
  readonly data?: string | undefined;
}

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
/** Inside the folder, whatever a record says. */
const insidePath = v.pipe(
  v.string(),
  v.check((path) => !isAbsolute(path) && !path.split(/[/\\]/).includes('..')),
);
const written = v.object({
  unit: v.string(),
  run: digest,
  source: digest,
  files: v.record(insidePath, digest),
  data: v.optional(digest),
});

/** What a line or an entry says; nothing is claimed by what is no such entry. */
export function parseWritten(value: unknown): Written | undefined {
  const parsed = v.safeParse(written, value);
  return parsed.success ? parsed.output : undefined;
}

/** SHA-256 of texts or bytes, in hexadecimal digits. */
export function digestOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
