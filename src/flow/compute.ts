// Flow of all pairs of a video or folder into files: .flo in both directions, and colour pictures.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SteadysegError, UsageError } from '../base/errors.js';
import { type OutputFolder, openOutputFolder } from '../base/outputFolder.js';
import type { OnProgress } from '../base/progress.js';
import { inShard, type Shard, wholeWork } from '../base/shard.js';
import { packageVersion } from '../base/version.js';
import { digestOf } from '../base/written.js';
import { formatFlo } from '../media/flo.js';
import { flowColors } from '../media/flowColor.js';
import { checkApart, type FrameFolder, framesThere } from '../media/frameFiles.js';
import { checkUnchanged, type FrameSource } from '../media/frames.js';
import { encodePicture } from '../media/pictures.js';
import { clipIndex } from './clipIndex.js';
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
  /** Leave alone the files that an earlier run of the same settings made of the same pictures, as can be proven by its record. Default false: all are written. */
  readonly resume?: boolean | undefined;
  /** Replace files in the folder that no run is known to have written. Default: they are refused. */
  readonly overwrite?: boolean | undefined;
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
 * @throws SteadysegError when a pair fails, when a folder is resumed that a run of other settings has begun, for a folder
 * another process writes flow into, and for a file in it that is the user's.
 */
export async function computeFlow(options: ComputeFlowOptions): Promise<ComputedFlow> {
  const { frames, out, shard = wholeWork } = options;
  const kinds = kindsOf(options);
  const folders = kinds.map((kind) => ({ ...kind, path: join(out, kind.path) }));
  await checkApart(frames, folders);
  const isOwnSource = await checkSourceApart(options);
  const settings = {
    version: packageVersion(),
    flow: options.source.name,
    input: frames.input,
    maxRadius: options.maxRadius,
  };
  const { resume, overwrite } = options;
  const work = 'writing flow into this folder';
  const folder = await openOutputFolder(out, { name: 'flow', work, shard, settings, resume, overwrite });
  try {
    // What is read from the folder is written as it was.
    if (!isOwnSource) await checkFree(frames, shard, out, folder, kinds);
    await folder.record(settings);
    const digest = frames.kind === 'video' ? await frames.fingerprint(0) : undefined;
    const computed = await computePairs(options, shard, folder);
    if (digest !== undefined) await checkUnchanged(frames, digest);
    await folder.record(settings);
    return computed;
  } finally {
    await folder.close();
  }
}

/** @throws SteadysegError naming a file that no run is known to have written, where this one would replace it. */
async function checkFree(
  frames: FrameSource,
  shard: Shard,
  out: string,
  folder: OutputFolder,
  kinds: readonly FrameFolder[],
): Promise<void> {
  const clipOf = clipIndex(frames);
  for (const { path, extension } of kinds) {
    const there = await framesThere(frames, [{ path: join(out, path), extension }]);
    const written = [...there].filter(([, index]) => inShard(clipOf(index), shard));
    await folder.checkFree(written.map(([stem]) => join(path, `${stem}${extension}`)));
  }
}

async function computePairs(options: ComputeFlowOptions, shard: Shard, folder: OutputFolder): Promise<ComputedFlow> {
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
    // Before the pictures are read: one that is replaced afterwards is not taken for the one that was.
    const digest = digestOf(await frames.fingerprint(pair.index), await frames.fingerprint(pair.index + 1));
    for (const direction of directions) {
      if (await writePair(pair, direction, options, folder, digest)) written++;
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
  { source, color = false, maxRadius }: ComputeFlowOptions,
  folder: OutputFolder,
  digest: string,
): Promise<boolean> {
  const flo = flowPath('.', pair.first.stem, direction);
  const picture = flowPath('color', pair.first.stem, direction).replace(/\.flo$/, '.png');
  const wanted = color ? [flo, picture] : [flo];
  // Of flow that is read from files nothing is known to be the same.
  const isDone = async (path: string) => !source.folder && (await folder.finished(path, async () => digest, [path]));
  if ((await Promise.all(wanted.map(isDone))).every((done) => done)) return false;
  const flow = await source.flow(pair, direction);
  const files = new Map([[flo, formatFlo(flow)]]);
  if (color) files.set(picture, await encodePicture(flowColors(flow, maxRadius), 'png'));
  for (const [path, content] of files) await folder.write({ unit: path, source: digest, files: { [path]: content } });
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

/**
 * Whether flow is read from the folder it is written into.
 * @throws UsageError when flow that is read from a folder would be replaced by that of another pair or direction.
 */
async function checkSourceApart({ source, out, backward }: ComputeFlowOptions): Promise<boolean> {
  if (source.folder === undefined) return false;
  const placesIn = (folder: string) =>
    Promise.all([folder, join(folder, 'backward')].map((path) => realpath(path).catch(() => undefined)));
  const [[from, fromBackward], [to, toBackward]] = await Promise.all([placesIn(source.folder), placesIn(out)]);
  if (from === to) return true;
  const written = backward ? [to, toBackward] : [to];
  if (![from, fromBackward].some((place) => place !== undefined && written.includes(place))) return false;
  throw new UsageError(
    `${source.folder}: expected flow apart from the results, found that those in ${out} would replace it`,
  );
}
