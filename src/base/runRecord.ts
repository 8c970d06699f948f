// The record a run keeps of its settings in its folder: what decides whether a later run may go on with the files there.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isSystemError, messageOf, SteadysegError } from './errors.js';
import { exists, readFileBounded, reasonOf, writeFileWhole } from './files.js';
import type { Shard } from './shard.js';

/** A record lists the failed frames at most; a larger file is something else. */
const MAX_RECORD_BYTES = 1 << 28;

/** Milliseconds: systems stamp files by a clock that is up to 16 ms behind. */
const CLOCK_TICK = 20;

/** The name, without extension, of what a shard has for itself where shards share a folder: `predict`, or `predict-0-of-2`. */
export function partName(name: string, { index, count }: Shard): string {
  return count > 1 ? `${name}-${index}-of-${count}` : name;
}

/**
 * The record of an earlier run in the same folder; undefined where there is none.
 * @throws SteadysegError when it is of other settings: the device alone may differ.
 */
export async function checkResumable(
  path: string,
  settings: object,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (!(await exists(path))) return undefined;
  const earlier = await readRecord(path);
  const other = Object.entries(settings).find(
    ([name, value]) => name !== 'device' && JSON.stringify(earlier[name]) !== JSON.stringify(value),
  );
  if (!other) return earlier;
  const [name, value] = other;
  throw new SteadysegError(
    `${path}: expected the same ${name} as in the run to resume, ${JSON.stringify(earlier[name])}, found ${JSON.stringify(value)}: use another folder, or run without --resume`,
  );
}

async function readRecord(path: string): Promise<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(new TextDecoder().decode(await readFileBounded(path, MAX_RECORD_BYTES)));
    if (typeof content === 'object' && content !== null) return { ...content };
    throw new Error(`found ${JSON.stringify(content)}`);
  } catch (thrown) {
    throw new SteadysegError(`${path}: expected the record of an earlier run to resume: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/**
 * Removes the records `name` of runs that shared the work in other parts, for a run that begins anew: it replaces files of
 * theirs, which they would take for their own when they go on.
 */
export async function removeOtherRecords(folder: string, name: string, { count }: Shard): Promise<void> {
  const record = new RegExp(`^${name}(?:-\\d+-of-(\\d+))?\\.json$`);
  try {
    for (const file of await readdir(folder)) {
      const found = record.exec(file);
      if (found && Number(found[1] ?? 1) !== count) await rm(join(folder, file), { force: true });
    }
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    throw new SteadysegError(`cannot begin anew in ${folder}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/**
 * Begins a run anew by a record that claims no file.
 * @returns the moment, by the clock that stamps files: every file there is older, none that is written from now on is.
 */
export async function beginRecord(path: string, record: object): Promise<string> {
  await wait(CLOCK_TICK);
  await writeFileWhole(path, formatRecord(record));
  return (await stat(path)).mtime.toISOString();
}

/** The moment that a record says its run began; undefined where it says none. */
export function begunIn(moment: unknown): string | undefined {
  return typeof moment === 'string' && Number.isFinite(Date.parse(moment)) ? moment : undefined;
}

/** Whether a file was written since a moment; a file that is not there was not. */
export async function isSince(path: string, moment: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info !== undefined && info.mtimeMs >= Date.parse(moment);
}

/** A record as its file holds it. */
export function formatRecord(record: object): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}
