// Flow of all pairs of a video or folder into files: .flo in both directions, and colour pictures.
import { realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { messageOf, SteadysegError, UsageError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { lockFolder } from '../base/lock.js';
import type { OnProgress } from '../base/progress.js';
import {
  beginRecord,
  begunIn,
  checkResumable,
  formatRecord,
  isSince,
  partName,
  removeOtherRecords,
} from '../base/runRecord.js';
import { inShard, type Shard, wholeWork } from '../base/shard.js';
import { writeFlo } from '../media/flo.js';
import { flowColors } from '../media/flowColor.js';
import { checkApart, type FrameFolder } from '../media/frameFiles.js';
import type { FrameSource } from '../media/frames.js';
import { writePicture } from '../media/pictures.js';
import { framePairs, type IndexedPair, pairCount } from './pairs.js';
import { flowPath } from './path.js';
import type { FlowDirection, FlowSource } from './source.js';

/** What `computeFlow` takes. */
export interface ComputeFlowOptions {
  readonly frames: FrameSource;
  readonly source: FlowSource;
  /** Output folder: `<stem>.flo`, `backward/<stem>.flo`, `color/<stem>.png`, `color/backward/<stem>.png`, `flow.json` (of shards `flow-<i>-of-<n>.json`). */
  readonly out: string;
  /** Also from each second frame to its first. Default false. */
  readonly backward?: boolean | undefined;
  /** Also as pictures in the Middlebury colours. Default false. */
  readonly color?: boolean | undefined;
  /** Length in pixels that is fully saturated in the pictures. Default: each picture's longest vector. */
  readonly maxRadius?: number | undefined;
  /** Leave alone the files that an earlier run of the same settings wrote, as its record says. Default false: all are written. */
  readonly resume?: boolean | undefined;
  /** At most so many pairs. Default: all. */
  readonly limit?: number | undefined;
  /** Only every `count`-th clip, from the `index`-th on. Default: all. */
  readonly shard?: Shard | undefined;
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
 * @throws SteadysegError when a pair fails, when a folder is resumed that a run of other settings has begun, and for a
 * folder another process writes flow into.
 */
export async function computeFlow(options: ComputeFlowOptions): Promise<ComputedFlow> {
  const { frames, out, shard = wholeWork } = options;
  await checkApart(
    frames,
    kindsOf(options).map((kind) => ({ ...kind, path: join(out, kind.path) })),
  );
  await checkSourceApart(options);
  const unlock = await lockFolder(join(out, `.${partName('flow', shard)}.lock`), 'writing flow into this folder');
  try {
    return await computePairs(options, shard, await begin(options, shard));
  } finally {
    await unlock();
  }
}

/** @param begun since when files that are there are kept. */
async function computePairs(options: ComputeFlowOptions, shard: Shard, begun: Begun): Promise<ComputedFlow> {
  const { frames, source, backward = false, limit, onFailure, onProgress } = options;
  const wantedClip = (clip: number) => inShard(clip, shard);
  const started = performance.now();
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
      if (await writePair(pair, direction, options, begun)) written++;
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
  { source, out, color = false, maxRadius }: ComputeFlowOptions,
  begun: Begun,
): Promise<boolean> {
  const flo = flowPath(out, pair.first.stem, direction);
  const picture = flowPath(join(out, 'color'), pair.first.stem, direction).replace(/\.flo$/, '.png');
  const isDone = (path: string) => isSince(path, begun[relative(out, dirname(path)) || '.']);
  if ((await isDone(flo)) && (!color || (await isDone(picture)))) return false;
  const flow = await source.flow(pair, direction);
  if (color) await writePicture(picture, flowColors(flow, maxRadius));
  await writeFlo(flo, flow);
  return true;
}

/** The folders a run writes, within its own: flow in both directions, and pictures of both. */
function kindsOf({ backward, color }: Pick<ComputeFlowOptions, 'backward' | 'color'>): FrameFolder[] {
  return [
    { path: '.', extension: '.flo' },
    ...(backward ? [{ path: 'backward', extension: '.flo' }] : []),
    ...(color ? [{ path: 'color', extension: '.png' }] : []),
    ...(backward && color ? [{ path: join('color', 'backward'), extension: '.png' }] : []),
  ];
}

/** Since when files are those of the run's settings, by the folder of their kind. */
type Begun = Readonly<Record<string, string>>;

/** Writes the record of the run; what an earlier one of the same settings wrote is its own when it is resumed. */
async function begin(
  { frames, source, out, maxRadius, resume, ...kinds }: ComputeFlowOptions,
  shard: Shard,
): Promise<Begun> {
  const path = join(out, `${partName('flow', shard)}.json`);
  const settings = { flow: source.name, input: frames.input, maxRadius };
  const earlier = resume ? await checkResumable(path, settings) : undefined;
  const known = begunByKind(earlier?.begun);
  if (!earlier) await removeOtherRecords(out, 'flow', shard);
  const now = await beginRecord(path, { ...settings, begun: known });
  const begun = { ...Object.fromEntries(kindsOf(kinds).map((kind) => [kind.path, now])), ...known };
  await writeFileWhole(path, formatRecord({ ...settings, begun }));
  return begun;
}

/** Of an earlier record; what is no moment claims no file. */
function begunByKind(found: unknown): Begun {
  if (typeof found !== 'object' || found === null) return {};
  return Object.fromEntries(
    Object.entries(found).flatMap(([kind, moment]) => {
      const begun = begunIn(moment);
      return begun === undefined ? [] : [[kind, begun]];
    }),
  );
}

/** @throws UsageError when flow that is read from a folder would be replaced by that of another pair or direction. */
async function checkSourceApart({ source, out, backward }: ComputeFlowOptions): Promise<void> {
  if (source.folder === undefined) return;
  const placesIn = (folder: string) =>
    Promise.all([folder, join(folder, 'backward')].map((path) => realpath(path).catch(() => undefined)));
  const [[from, fromBackward], [to, toBackward]] = await Promise.all([placesIn(source.folder), placesIn(out)]);
  if (from === to) return;
  const written = backward ? [to, toBackward] : [to];
  if (![from, fromBackward].some((place) => place !== undefined && written.includes(place))) return;
  throw new UsageError(
    `${source.folder}: expected flow apart from the results, found that those in ${out} would replace it`,
  );
}
