// Records of what an adaptation prepared, beside its files: they are there when all of it is, so that a resume need not prepare it again.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { exists, readFileBounded, syncFile, syncFolder, writeFileWhole } from '../base/files.js';
import { count, parseJson } from '../base/json.js';
import type { ClassWeights } from './adaptClip.js';
import { type ClipOptions, withRenewed } from './clip.js';
import { closeClipFiles, openClipFiles, type PreparedClip } from './clipFiles.js';

/** A name and a few numbers for each frame. */
const MAX_RECORD_BYTES = 256 * 2 ** 20;

const preparedRecord = v.object({
  /** Number of the first frame. */
  from: count,
  stems: v.array(v.string()),
  pairs: v.array(count),
  cuts: v.array(count),
  targetSums: v.array(count),
});

/** What is known of a prepared clip besides its files. */
export type PreparedRecord = v.InferOutput<typeof preparedRecord>;

const renewedRecord = v.object({ classWeights: v.picklist(['balanced', 'even']), targetSums: v.array(count) });

const [preparedIn, renewedIn] = ['prepared.json', 'renewed.json'].map((name) => (folder: string) => join(folder, name));

/** Whether all of a clip was prepared in a folder. */
export function isPrepared(folder: string): Promise<boolean> {
  return exists(preparedIn(folder));
}

/** @throws SteadysegError for a record that cannot be read. */
export async function readPrepared(folder: string): Promise<PreparedRecord> {
  return parseJson(
    preparedRecord,
    await textOf(preparedIn(folder)),
    preparedIn(folder),
    'the record of a prepared clip',
  );
}

/** Leaves the record of a clip in a folder, once its files are on disk. @param from number of its first frame. */
export async function writePrepared(folder: string, clip: PreparedClip, from: number): Promise<void> {
  const { stems, pairs, cuts, targetSums } = clip;
  await writeRecord(preparedIn(folder), clip, { from, stems, pairs, cuts, targetSums });
}

/** The clip as it was prepared in a folder before; else it is prepared now, and recorded there. */
export async function preparedOnce(
  folder: string,
  options: ClipOptions,
  prepare: (options: ClipOptions) => Promise<PreparedClip>,
): Promise<PreparedClip> {
  if (await isPrepared(folder)) {
    const { stems, pairs, cuts, targetSums } = await readPrepared(folder);
    const { height, width, classes } = options;
    const files = await openClipFiles(options.folder, options, classes);
    const known = { stems, pairs, cuts, targetSums, count: stems.length };
    return { height, width, classes, folder: options.folder, ...known, files };
  }
  const clip = await prepare(options);
  try {
    await writePrepared(folder, clip, 0);
    return clip;
  } catch (thrown) {
    await closeClipFiles(clip.files);
    throw thrown;
  }
}

/** The same for the targets of a second round, of which a folder holds one training's. */
export async function renewedOnce(
  folder: string,
  clip: PreparedClip,
  classWeights: ClassWeights,
  renew: () => Promise<PreparedClip | undefined>,
): Promise<PreparedClip | undefined> {
  const path = renewedIn(folder);
  if (await exists(path)) {
    const found = parseJson(renewedRecord, await textOf(path), path, 'the record of renewed targets');
    if (found.classWeights === classWeights) return withRenewed(clip, found.targetSums);
    await rm(path);
    await syncFolder(folder);
  }
  const renewed = await renew();
  if (renewed) await writeRecord(path, clip, { classWeights, targetSums: renewed.targetSums });
  return renewed;
}

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await readFileBounded(path, MAX_RECORD_BYTES));
}

/** After a power failure, too, the record is there only where the files that it is of are. */
async function writeRecord(path: string, { folder }: PreparedClip, record: object): Promise<void> {
  for (const name of await readdir(folder)) await syncFile(join(folder, name));
  await syncFolder(folder);
  await writeFileWhole(path, JSON.stringify(record));
}
