// What makes two runs over an input comparable: the network and how it looks at a frame, as their records tell it.
import { messageOf, SteadysegError } from '../base/errors.js';
import { exists, fileSize, readFileBounded } from '../base/files.js';
import type { SegmentationModel } from './model.js';
import type { Preprocessing } from './preprocessing.js';
import type { ViewOptions } from './views.js';

export interface RunSettings {
  readonly input: string;
  readonly model: string;
  readonly modelBytes: number;
  readonly device: string;
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** The network's input size; `frame` where it takes the frame's own. */
  readonly size: string;
  readonly tile: string | null;
  readonly scales: readonly number[];
  readonly flip: boolean;
}

/** A record lists the failed frames at most; a larger file is something else. */
const MAX_RECORD_BYTES = 1 << 28;

export async function runSettings(
  input: string,
  model: SegmentationModel,
  { tile, scales, flip }: ViewOptions,
): Promise<RunSettings> {
  const { source, height, width, preprocessing } = model.description;
  return {
    input,
    model: source,
    modelBytes: typeof model.content === 'string' ? await fileSize(model.content) : model.content.length,
    device: model.sessionOptions.device ?? 'cpu',
    classes: model.classes.classes,
    preprocessing,
    size: height === undefined && width === undefined ? 'frame' : `${height ?? 'frame'}x${width ?? 'frame'}`,
    tile: tile ? `${tile.height}x${tile.width}` : null,
    scales: scales ?? [1],
    flip: flip ?? false,
  };
}

/**
 * The record of an earlier run in the same folder; undefined where there is none.
 * @throws SteadysegError when it is of other settings: the device alone may differ.
 */
export async function checkResumable(
  path: string,
  settings: RunSettings,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (!(await exists(path))) return undefined;
  let earlier: Record<string, unknown>;
  try {
    earlier = JSON.parse(new TextDecoder().decode(await readFileBounded(path, MAX_RECORD_BYTES)));
  } catch (thrown) {
    throw new SteadysegError(`${path}: expected the record of an earlier run to resume: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const other = Object.entries(settings).find(
    ([name, value]) => name !== 'device' && JSON.stringify(earlier[name]) !== JSON.stringify(value),
  );
  if (!other) return earlier;
  const [name, value] = other;
  throw new SteadysegError(
    `${path}: expected the same ${name} as in the run to resume, ${JSON.stringify(earlier[name])}, found ${JSON.stringify(value)}: use another folder, or run without --resume`,
  );
}

/** A record as its file holds it. */
export function formatRecord(record: object): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}
