// A folder that a command writes into: locked, with a record of what was written, so that nothing of the user's is replaced and
// a resumed run takes over what it can prove to be its own.
//
// The record names every file with its digest, what it was made from and with which settings. While a run is under way, a journal
// beside the record is ahead of it: a file is announced there before it appears. So whatever lies in the folder is either
// announced with the content it has, and may be replaced or taken over, or it is the user's.
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError, messageOf, SteadysegError } from './errors.js';
import { exists, readFileBounded, reasonOf, sha256OfFile, syncFolder, writeFileWhole } from './files.js';
import { type Journal, openJournal } from './journal.js';
import { lockFolder } from './lock.js';
import { mapOrdered } from './ordered.js';
import { wouldReplace } from './outputFile.js';
import type { Shard } from './shard.js';
import { digestOf, parseWritten, type Written } from './written.js';

/** Records of a million frames are smaller; a larger file is something else. */
const MAX_RECORD_BYTES = 1 << 29;
/** Files read at a time, to see what they hold. */
const CONCURRENT_READS = 8;

export interface OutputFolderOptions {
  /** The command: its record is `<name>.json`, that of a shard `<name>-<i>-of-<n>.json`. */
  readonly name: string;
  /** What the owner of the folder is doing, for one who is refused: "predicting into this folder". */
  readonly work: string;
  readonly shard: Shard;
  /** What the results depend on besides their source, and `device`; `resume` asks for the same. They stand in the record. */
  readonly settings: object;
  /** Whether what an earlier run of these settings wrote is taken over. */
  readonly resume?: boolean | undefined;
  /** Whether files are replaced that no run is known to have written. */
  readonly overwrite?: boolean | undefined;
  /** Whether records of the same command stay that shared the work in other parts. */
  readonly keepOthers?: boolean | undefined;
}

/** What every record ends with. */
export interface Recorded {
  /** What is in the folder, each piece of work with the digests of its files and of what it was made from. */
  readonly written: readonly Written[];
}

/** Files that belong together. */
export interface Work {
  readonly unit: string;
  /** Digest of what it is made from. */
  readonly source: string;
  /** By path in the folder, with `/` between names. */
  readonly files: Readonly<Record<string, Uint8Array | string | undefined>>;
  /** Digest of what else is known of it. */
  readonly data?: string | undefined;
}

export interface OutputFolder {
  /** The record of the earlier run that is resumed, if there is one. */
  readonly earlier: Readonly<Record<string, unknown>> | undefined;
  /**
   * What the run that is resumed wrote of a unit: of the same source, which is asked for where it decides; all of `paths`, still
   * as they were.
   * Undefined where that cannot be proven.
   */
  finished(unit: string, source: () => Promise<string>, paths: readonly string[]): Promise<Written | undefined>;
  /** @throws SteadysegError naming the first of these paths where something lies that no run is known to have written. */
  checkFree(paths: Iterable<string>): Promise<void>;
  /** Writes files, each whole or not at all. @throws SteadysegError where one would replace something of the user's. */
  write(work: Work): Promise<void>;
  /** Puts a file in place that was written aside, in the folder. */
  adopt(unit: string, source: string, path: string, temporary: string): Promise<void>;
  /** Removes a file that runs wrote; what is the user's stays. */
  remove(path: string): Promise<void>;
  /** Writes the record: `content`, and what was written so far. @returns both */
  record<Content extends object>(content: Content): Promise<Content & Recorded>;
  /** Gives the folder back. */
  close(): Promise<void>;
}

/** The name, without extension, of what a shard has for itself where shards share a folder: `predict`, or `predict-0-of-2`. */
export function partName(name: string, { index, count }: Shard): string {
  return count > 1 ? `${name}-${index}-of-${count}` : name;
}

/** A record as its file holds it. */
export function formatRecord(record: object): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Takes a folder for a run; it is created when needed.
 *
 * @throws SteadysegError when another process works in it, when a run of other settings is to be resumed, or when its record
 * would replace a file that is none.
 */
export async function openOutputFolder(folder: string, options: OutputFolderOptions): Promise<OutputFolder> {
  const { name, work, shard, resume = false, keepOthers = false } = options;
  const part = partName(name, shard);
  const lock = await lockFolder(join(folder, `.${part}.lock`), work);
  try {
    const earlier = resume ? await resumableRecord(join(folder, `${part}.json`), options.settings) : undefined;
    const known = await readWritten(folder, options);
    if (!known.hasRecord && !options.overwrite) await refuseOther(join(folder, `${part}.json`));
    const opened = await begin(folder, options, known, earlier, () => lock.check());
    // Their files are known to this run's record by now; they would take them for their own.
    if (!earlier && !keepOthers) for (const other of known.others) await rm(join(folder, other), { force: true });
    return {
      ...opened,
      async close() {
        await opened.close().finally(() => lock.release());
      },
    };
  } catch (thrown) {
    await lock.release();
    if (thrown instanceof SteadysegError || !isSystemError(thrown)) throw thrown;
    throw new SteadysegError(`cannot work in ${folder}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

async function begin(
  folder: string,
  { name, shard, settings, resume = false, overwrite = false }: OutputFolderOptions,
  known: Known,
  earlier: OutputFolder['earlier'],
  checkLock: () => void,
): Promise<OutputFolder> {
  const part = partName(name, shard);
  const [recordPath, journalPath] = [join(folder, `${part}.json`), join(folder, journalOf(part))];
  const run = digestOf(JSON.stringify(Object.entries({ ...settings, device: undefined }).sort()));
  /** All digests that a file had by the hand of a run. */
  const own = new Map<string, Set<string>>();
  const units = new Map<string, Written[]>();
  const digests = new Map<string, { readonly state: string; readonly digest: string }>();
  for (const entry of known.siblings) claim(entry);
  for (const entry of known.entries) take(entry);
  let journal: Promise<Journal> | undefined;

  function claim({ files }: Written): void {
    for (const [path, digest] of Object.entries(files)) {
      const known = own.get(path);
      if (known) known.add(digest);
      else own.set(path, new Set([digest]));
    }
  }
  function take(entry: Written): void {
    claim(entry);
    const of = units.get(entry.unit) ?? [];
    const text = JSON.stringify(entry);
    if (of.every((other) => JSON.stringify(other) !== text)) units.set(entry.unit, [...of, entry]);
  }

  /** What lies at a path: nothing, a file of a run, or the user's. */
  async function found(path: string): Promise<{ readonly digest: string | undefined; readonly isOwn: boolean }> {
    const full = join(folder, path);
    const info = await lstat(full, { bigint: true }).catch((thrown) => {
      if (isSystemError(thrown, 'ENOENT') || isSystemError(thrown, 'ENOTDIR')) return undefined;
      throw new SteadysegError(`cannot read ${full}: ${reasonOf(thrown)}`, { cause: thrown });
    });
    if (!info) return { digest: undefined, isOwn: true };
    const digest = await digestAt(path, info);
    return { digest, isOwn: own.get(path)?.has(digest) ?? false };
  }

  /** Of a file as it is now; one that did not change since is not read again. */
  async function digestAt(path: string, info: BigIntStats): Promise<string> {
    if (!info.isFile()) return '';
    const state = `${info.ino} ${info.size} ${info.mtimeNs} ${info.ctimeNs}`;
    const last = digests.get(path);
    if (last?.state === state) return last.digest;
    const digest = await sha256OfFile(join(folder, path));
    digests.set(path, { state, digest });
    return digest;
  }

  /** Announces files and writes them by `put`; those that are there already with this content stay. */
  async function announce(entry: Written, put: (paths: ReadonlySet<string>) => Promise<void>): Promise<void> {
    const files: Record<string, string> = {};
    const missing = new Set<string>();
    for (const [path, digest] of Object.entries(entry.files)) {
      const there = await found(path);
      if (there.digest !== digest) missing.add(path);
      if (there.digest !== digest && !there.isOwn && !overwrite) throw wouldReplace(join(folder, path));
      // What the user put there does not become ours by being what we would have written.
      if (there.isOwn || overwrite || there.digest !== digest) files[path] = digest;
    }
    const announced = { ...entry, files };
    checkLock();
    journal ??= openJournal(journalPath);
    await (await journal).append(JSON.stringify(announced));
    claim(announced);
    await put(missing);
    // What earlier runs made of this unit counts no longer, but files of theirs that this one does not write.
    const others = (units.get(entry.unit) ?? []).map((other) => ({
      ...other,
      files: Object.fromEntries(Object.entries(other.files).filter(([path]) => files[path] === undefined)),
    }));
    units.set(entry.unit, [...others.filter((other) => Object.keys(other.files).length > 0), announced]);
  }

  return {
    earlier,
    async finished(unit, source, paths) {
      if (!resume) return undefined;
      for (const entry of units.get(unit) ?? []) {
        if (entry.run !== run || !paths.every((path) => entry.files[path] !== undefined)) continue;
        if (entry.source !== (await source())) continue;
        const states = await Promise.all(
          Object.entries(entry.files).map(async ([path, digest]) => (await found(path)).digest === digest),
        );
        if (states.every((same) => same)) return entry;
      }
      return undefined;
    },
    async checkFree(paths) {
      if (overwrite) return;
      for await (const { path, isOwn } of mapOrdered(paths, CONCURRENT_READS, async (path) => ({
        path,
        ...(await found(path)),
      }))) {
        if (!isOwn) throw wouldReplace(join(folder, path));
      }
    },
    async write({ unit, source, files, data }) {
      const contents = Object.entries(files).flatMap(([path, content]) =>
        content === undefined ? [] : [[path, content] as const],
      );
      const digests = Object.fromEntries(contents.map(([path, content]) => [path, digestOf(content)]));
      await announce({ unit, run, source, files: digests, data }, async (missing) => {
        for (const [path, content] of contents) {
          if (missing.has(path)) await writeFileWhole(join(folder, path), content);
        }
      });
    },
    async adopt(unit, source, path, temporary) {
      try {
        const files = { [path]: await sha256OfFile(temporary) };
        await announce({ unit, run, source, files }, async (missing) => {
          if (missing.has(path)) await rename(temporary, join(folder, path));
        });
      } finally {
        await rm(temporary, { force: true });
      }
    },
    async remove(path) {
      const { digest, isOwn } = await found(path);
      if (digest === undefined || !isOwn) return;
      checkLock();
      await rm(join(folder, path), { force: true });
      for (const [unit, entries] of units) {
        if (!entries.some(({ files }) => files[path] !== undefined)) continue;
        units.set(
          unit,
          entries.map((entry) => {
            const { [path]: _, ...files } = entry.files;
            return { ...entry, files };
          }),
        );
      }
    },
    async record(content) {
      checkLock();
      const written = [...units.values()].flat().sort(inOrder);
      await writeFileWhole(recordPath, withWritten(content, written));
      // The journal says nothing that the record does not.
      await (await journal)?.close();
      journal = undefined;
      await syncFolder(folder);
      await rm(journalPath, { force: true });
      return { ...content, written };
    },
    async close() {
      await (await journal)?.close();
    },
  };
}

function inOrder(a: Written, b: Written): number {
  const [first, second] = [a, b].map((entry) => JSON.stringify([entry.unit, entry.run, entry.files]));
  return first < second ? -1 : first > second ? 1 : 0;
}

/** A record with a line for each piece of work. */
function withWritten(content: object, written: readonly Written[]): string {
  const lines = written.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n');
  const head = formatRecord({ ...content, written: [] });
  return written.length === 0 ? head : head.replace(/"written": \[\]\n\}\n$/, () => `"written": [\n${lines}\n  ]\n}\n`);
}

/** What the records and journals of a folder say. */
interface Known {
  /** Whether the run's own record is one. */
  readonly hasRecord: boolean;
  /** Of the run itself, and of those that shared the work in other parts. */
  readonly entries: readonly Written[];
  /** Of those that share the work now. */
  readonly siblings: readonly Written[];
  /** Records and journals of those that shared it in other parts. */
  readonly others: readonly string[];
}

async function readWritten(folder: string, { name, shard }: OutputFolderOptions): Promise<Known> {
  const part = partName(name, shard);
  const pattern = new RegExp(`^(?:${name}(?:-\\d+-of-(\\d+))?\\.json|\\.${name}(?:-\\d+-of-(\\d+))?\\.written)$`);
  const [entries, siblings]: [Written[], Written[]] = [[], []];
  const others: string[] = [];
  let hasRecord = false;
  // Others first: a shard that begins now takes their entries into its record before it removes them.
  const names = (await readdir(folder)).flatMap((file) => {
    const match = pattern.exec(file);
    const isOwn = file === `${part}.json` || file === journalOf(part);
    const count = Number(match?.[1] ?? match?.[2] ?? 1);
    return match ? [{ file, rank: isOwn ? 1 : count === shard.count ? 2 : 0 }] : [];
  });
  for (const { file, rank } of names.sort((a, b) => a.rank - b.rank)) {
    const content = await readFileBounded(join(folder, file), MAX_RECORD_BYTES).catch(() => undefined);
    if (content === undefined) continue;
    const isJournal = file.startsWith('.');
    const text = new TextDecoder().decode(content);
    const found = isJournal ? text.split('\n').map(parsedLine) : recorded(text);
    if (found === undefined) continue;
    if (rank === 1 && !isJournal) hasRecord = true;
    if (rank === 0) others.push(file);
    for (const value of found) {
      const entry = parseWritten(value);
      if (entry) (rank === 2 ? siblings : entries).push(entry);
    }
  }
  return { hasRecord, entries, siblings, others };
}

function journalOf(part: string): string {
  return `.${part}.written`;
}

function parsedLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // A line that was being written when the run was killed: what it announces did not happen.
    return undefined;
  }
}

/** What a record says was written; undefined for what is no record. */
function recorded(text: string): unknown[] | undefined {
  const content = parsedLine(text);
  const written = typeof content === 'object' && content !== null && 'written' in content ? content.written : undefined;
  return Array.isArray(written) ? written : undefined;
}

/** @throws SteadysegError when there is a file, which is no record. */
async function refuseOther(path: string): Promise<void> {
  if (await lstat(path).catch(() => undefined)) throw wouldReplace(path);
}

/**
 * The record of an earlier run in the same folder; undefined where there is none.
 * @throws SteadysegError when it is of other settings: the device alone may differ.
 */
async function resumableRecord(path: string, settings: object): Promise<Readonly<Record<string, unknown>> | undefined> {
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
