// The frames of a pseudo-labelled set, a line of JSON each, and the list file that `train` reads.
import { open } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import * as v from 'valibot';
import { SteadysegError } from '../../base/errors.js';
import { exists, readFileBounded, reasonOf, writeFileWhole } from '../../base/files.js';
import { count, parseJson } from '../../base/json.js';

const frameFields = v.object({
  /** Place among all frames of the input, and the clip it belongs to, both from 0. */
  index: count,
  clip: count,
  /** Names its files, so it leads into no other folder. */
  stem: v.pipe(v.string(), v.regex(/^[^/\\]+$/, 'expected the name of a frame, found a path')),
  /** Relative to the folder of the file. */
  image: v.string(),
  label: v.string(),
  width: v.pipe(count, v.minValue(1)),
  height: v.pipe(count, v.minValue(1)),
  /** Pixels of each class. */
  predicted: v.array(count),
  /** Those that were sure enough; null while that is not decided. */
  kept: v.nullable(v.array(count)),
});

/** Label maps are written where their records say: nowhere but into the folder's own. */
const frameRecord = v.pipe(
  frameFields,
  v.check(({ stem, label }) => label === labelOf(stem), 'expected the label map of the frame, found another file'),
);

/** Where the label map of a frame lies, relative to the folder of the records. */
export function labelOf(stem: string): string {
  return `labels/${stem}.png`;
}

/** A line of `frames.jsonl`. */
export type FrameRecord = v.InferOutput<typeof frameRecord>;

/** Half a million frames of 19 classes take 200 MB; a run of more is to be split. */
const MAX_RECORDS_BYTES = 1 << 28;

/** What every line of ours begins with. */
const lineStart = '{"index":';

/**
 * Reads the frames of a run. A last line without an end was being written when the run was killed: it is left out.
 *
 * @throws SteadysegError naming the file and line, for a line that is no record of a frame with this many classes, if given.
 */
export async function readFrameRecords(path: string, classes?: number): Promise<FrameRecord[]> {
  if (!(await exists(path))) return [];
  const lines = new TextDecoder().decode(await readFileBounded(path, MAX_RECORDS_BYTES)).split('\n');
  const cut = lines.at(-1) ?? '';
  if (!cut.startsWith(lineStart) && !lineStart.startsWith(cut)) {
    throw new SteadysegError(`${path}, line ${lines.length}: expected the record of a frame, found another text`);
  }
  return lines.slice(0, -1).map((line, index) => {
    const record = parseJson(frameRecord, line, `${path}, line ${index + 1}`, 'the record of a frame');
    const { predicted, kept } = record;
    for (const list of [predicted, kept]) {
      if (list && classes !== undefined && list.length !== classes) {
        throw new SteadysegError(
          `${path}, line ${index + 1}: expected pixels of ${classes} classes, found ${list.length}`,
        );
      }
    }
    return record;
  });
}

/**
 * Writes the frames in their order, whole or not at all.
 * @param overwrite whether a file of that name is replaced that holds no frames.
 */
export async function writeFrameRecords(
  path: string,
  records: readonly FrameRecord[],
  overwrite = false,
): Promise<void> {
  if (!overwrite) await readFrameRecords(path);
  await writeFileWhole(path, records.map(formatLine).join(''));
}

/** Appends frames to a file, one at a time, as they are finished. */
export interface FrameRecordWriter {
  append(record: FrameRecord): Promise<void>;
  close(): Promise<void>;
}

export async function appendFrameRecords(path: string): Promise<FrameRecordWriter> {
  const file = await open(path, 'a');
  return {
    async append(record) {
      try {
        await file.appendFile(formatLine(record));
      } catch (thrown) {
        throw new SteadysegError(`cannot write ${path}: ${reasonOf(thrown)}`, { cause: thrown });
      }
    },
    close: () => file.close(),
  };
}

/** A frame as its line in the file holds it. */
export function formatLine(record: FrameRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * The list: `image label` and, where the next frame of the clip is among them, that one too; tabs between them,
 * paths relative to the list.
 */
export function formatTrainingList(records: readonly FrameRecord[]): string {
  const lines = records.map(({ image, label, index, clip }, at) => {
    const next = records.at(at + 1);
    const follows = next?.index === index + 1 && next.clip === clip;
    return `${[image, label, ...(follows ? [next.image] : [])].join('\t')}\n`;
  });
  return lines.join('');
}

/**
 * The path of a picture as a list in `folder` has it.
 *
 * @throws SteadysegError for a name that no list can hold.
 */
export function listedPath(folder: string, path: string): string {
  const listed = relative(resolve(folder), resolve(path));
  if (/[\t\r\n]|^\s|\s$/.test(listed)) {
    throw new SteadysegError(
      `${JSON.stringify(path)}: expected a path that a list file can hold, found a tab, line break or space at its end: rename it`,
    );
  }
  return listed;
}
