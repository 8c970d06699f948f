// Flow of all pairs of a video or folder into files: .flo in both directions, and colour pictures.
import { join } from 'node:path';
import { messageOf, SteadysegError } from '../base/errors.js';
import { ensureFolder, exists, readFileBounded, writeFileWhole } from '../base/files.js';
import type { OnProgress } from '../base/progress.js';
import { writeFlo } from '../media/flo.js';
import { flowColors } from '../media/flowColor.js';
import type { FrameSource } from '../media/frames.js';
import { writePicture } from '../media/pictures.js';
import { flowPath } from './folder.js';
import { framePairs, type IndexedPair, pairCount } from './pairs.js';
import type { FlowDirection, FlowSource } from './source.js';

/** The record of a flow folder is a few lines; more is something else. */
const MAX_RECORD_BYTES = 1 << 16;

/** What `computeFlow` takes. */
export interface ComputeFlowOptions {
  readonly frames: FrameSource;
  readonly source: FlowSource;
  /** Output folder: `<stem>.flo`, `backward/<stem>.flo`, `color/<stem>.png`, `color/backward/<stem>.png`, `flow.json`. */
  readonly out: string;
  /** Also from each second frame to its first. Default false. */
  readonly backward?: boolean | undefined;
  /** Also as pictures in the Middlebury colours. Default false. */
  readonly color?: boolean | undefined;
  /** Length in pixels that is fully saturated in the pictures. Default: each picture's longest vector. */
  readonly maxRadius?: number | undefined;
  /** Leave alone the files that are there already. Default false: they are written anew. */
  readonly resume?: boolean | undefined;
  /** At most so many pairs. Default: all. */
  readonly limit?: number | undefined;
  /** Which clips count, by number. Default: all. */
  readonly wantedClip?: ((clip: number) => boolean) | undefined;
  /** Told of a frame or pair that fails, and the work goes on. Default: the first failure ends it. */
  readonly onFailure?: ((stem: string, error: SteadysegError) => void) | undefined;
  /** In pairs. */
  readonly onProgress?: OnProgress | undefined;
}

/** What `computeFlow` wrote and left out. */
export interface ComputedFlow {
  /** The source's name. */
  readonly flow: string;
  readonly pairs: number;
  /** Flow fields computed and written, and those that were there already. */
  readonly written: number;
  readonly skipped: number;
  /** Frames and pairs that failed. */
  readonly failed: number;
  readonly seconds: number;
}

/**
 * Computes the flow of every pair of frames and writes it. Files appear whole or not at all, so an interrupted run
 * can be resumed.
 * @throws SteadysegError when a pair fails, or when a folder is resumed that another source has begun.
 */
export async function computeFlow(options: ComputeFlowOptions): Promise<ComputedFlow> {
  const { frames, source, out, backward = false, resume = false, limit, wantedClip, onFailure, onProgress } = options;
  const started = performance.now();
  await ensureFolder(out);
  await checkRecord(out, source.name, resume);
  const known = pairCount(frames, { wantedClip });
  const total = known === undefined ? limit : Math.min(known, limit ?? known);
  const directions: FlowDirection[] = backward ? ['forward', 'backward'] : ['forward'];
  let [pairs, done, written, skipped, failed] = [0, 0, 0, 0, 0];

  const fail = (stem: string, thrown: unknown) => {
    const error = thrown instanceof SteadysegError ? thrown : new SteadysegError(`${stem}: ${messageOf(thrown)}`);
    if (!onFailure) throw error;
    failed++;
    onFailure(stem, error);
  };
  const compute = async (pair: IndexedPair) => {
    for (const direction of directions) {
      if (await writePair(pair, direction, options)) written++;
      else skipped++;
    }
  };

  // One pair more than the source works on is under way, so that decoding and writing go on beside it.
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  const onBad = (stem: string, error: SteadysegError) => {
    fail(stem, error);
    return 'skip' as const;
  };
  try {
    for await (const pair of framePairs(frames, { wantedClip, onBad: onFailure && onBad })) {
      if (failure !== undefined || (limit !== undefined && pairs >= limit)) break;
      pairs++;
      const work: Promise<void> = compute(pair)
        .catch((thrown) => fail(pair.first.stem, thrown))
        .catch((thrown) => {
          failure ??= thrown;
        })
        .finally(() => {
          underWay.delete(work);
          done++;
          onProgress?.({ done, total });
        });
      underWay.add(work);
      if (underWay.size > source.concurrency) await Promise.race(underWay);
    }
  } finally {
    await Promise.all(underWay);
  }
  if (failure !== undefined) throw failure;
  return { flow: source.name, pairs, written, skipped, failed, seconds: (performance.now() - started) / 1000 };
}

/** Writes what of one direction of a pair is missing; false when nothing was. */
async function writePair(
  pair: IndexedPair,
  direction: FlowDirection,
  { source, out, color = false, maxRadius, resume = false }: ComputeFlowOptions,
): Promise<boolean> {
  const flo = flowPath(out, pair.first.stem, direction);
  const picture = flowPath(join(out, 'color'), pair.first.stem, direction).replace(/\.flo$/, '.png');
  if (resume && (await exists(flo)) && (!color || (await exists(picture)))) return false;
  const flow = await source.flow(pair, direction);
  if (color) await writePicture(picture, flowColors(flow, maxRadius));
  await writeFlo(flo, flow);
  return true;
}

/** Records in `flow.json` which source the folder's files come from, and refuses to go on with those of another. */
async function checkRecord(out: string, name: string, resume: boolean): Promise<void> {
  const path = join(out, 'flow.json');
  if (resume && (await exists(path))) {
    const text = new TextDecoder().decode(await readFileBounded(path, MAX_RECORD_BYTES));
    const found = recordedName(text);
    if (found !== name) {
      throw new SteadysegError(
        `${path}: expected the flow of "${name}" to resume, found that of "${found ?? text.slice(0, 80)}": use another folder, or begin anew without resuming`,
      );
    }
    return;
  }
  await writeFileWhole(path, `${JSON.stringify({ flow: name })}\n`);
}

function recordedName(text: string): string | undefined {
  try {
    const record: unknown = JSON.parse(text);
    return typeof record === 'object' && record !== null && 'flow' in record ? String(record.flow) : undefined;
  } catch {
    return undefined;
  }
}
