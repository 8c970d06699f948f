// Predicts a whole input into a folder: label maps, colour maps, overlays, confidences and a record of it all.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { SteadysegError, UsageError } from '../base/errors.js';
import { ensureFolder, writeFileWhole } from '../base/files.js';
import { lockFolder } from '../base/lock.js';
import { beginRecord, begunIn, checkResumable, formatRecord, partName, removeOtherRecords } from '../base/runRecord.js';
import { wholeWork } from '../base/shard.js';
import { checkApart, type FrameFolder, finishedStems } from '../media/frameFiles.js';
import { type Frame, type FrameSource, openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { readLabelMap } from '../media/labels.js';
import { createVideoWriter, type VideoWriter } from '../media/videoWriter.js';
import { checkSegmentOptions, type SegmentationModel } from './model.js';
import { createPool, movable } from './pool.js';
import {
  createTally,
  type FrameFailure,
  type FrameRunOptions,
  type RunSpeed,
  runFrames,
  speedOf,
} from './runFrames.js';
import { type RunSettings, runSettings } from './runSettings.js';
import type { SegmentOptions } from './segment.js';
import { selectFrames } from './selection.js';

/** What can be saved of each frame. */
export const outputKinds = ['labels', 'color', 'overlay', 'confidence'] as const;
/** What can be saved of each frame. */
export type OutputKind = (typeof outputKinds)[number];

/** What `predict` takes. */
export interface PredictOptions extends Omit<SegmentOptions, 'confidence'>, FrameRunOptions {
  /** Default: labels and color, for a video also overlay. */
  readonly save?: readonly OutputKind[] | undefined;
}

/** What makes two runs comparable: `resume` asks for the same. */
interface Settings extends RunSettings {
  readonly save: readonly OutputKind[];
}

/** The content of `predict.json`. */
export interface PredictSummary extends Settings, RunSpeed {
  /** When the run of these settings began: files written since are its own; null before any is. */
  readonly begun: string | null;
  /** Whether every frame asked for was predicted; false also while a run is under way. */
  readonly complete: boolean;
  readonly interrupted: boolean;
  /** Frames in the folder, those of earlier runs included. */
  readonly frames: number;
  /** Frames an earlier run had finished. */
  readonly resumed: number;
  readonly failed: readonly FrameFailure[];
  readonly width: number | null;
  readonly height: number | null;
  readonly frameRate: number | null;
}

/**
 * Predicts every frame of INPUT into `out`: `labels/<stem>.png` (train ids), `color/<stem>.png` (palette),
 * `confidence/<stem>.png` (255 is 1), for a video `overlay.mp4`, for pictures `overlay/<stem>.jpg`, and `predict.json`.
 * Each file appears whole or not at all, in place of what an earlier run left there. A resumed run takes over what was written
 * since the run of its settings began.
 *
 * @throws SteadysegError for an input, model or folder that cannot be used, and for a folder another process predicts into.
 */
export async function predict(
  input: string,
  model: SegmentationModel,
  out: string,
  options: PredictOptions = {},
): Promise<PredictSummary> {
  const confidence = options.save?.includes('confidence');
  checkSegmentOptions(model.description, { ...options, confidence });
  const { keepGoing = false, limit = Number.POSITIVE_INFINITY, shard = wholeWork, signal } = options;
  const source = await openFrames(input, { acceptTruncated: keepGoing, onNote: options.onNote });
  const save = chooseOutputs(options.save, source);
  const settings: Settings = { ...(await runSettings(input, model, options)), save };
  const name = partName('predict', shard);
  const summaryPath = join(out, `${name}.json`);

  const files = fileKinds(save, source);
  const folders: FrameFolder[] = files.map((kind) => ({ path: join(out, kind), extension: extensionOf(kind) }));
  const video = save.includes('overlay') && source.kind === 'video';
  await checkApart(source, folders);
  if (video) await checkOtherFile(input, join(out, 'overlay.mp4'));
  let finished: ReadonlySet<string> = new Set();
  const selection = selectFrames(source, shard, limit);

  const views = { tile: options.tile, scales: options.scales, flip: options.flip };
  const pool = await createPool(model, { ...views, confidence: save.includes('confidence') }, selection.count);
  const tally = createTally();
  const { times } = tally;
  const summary = (complete: boolean, interrupted: boolean): PredictSummary => ({
    ...settings,
    begun: begun ?? null,
    complete,
    interrupted,
    frames: tally.frames,
    resumed: tally.resumed,
    failed: tally.failed,
    width: source.width ?? null,
    height: source.height ?? null,
    frameRate: source.frameRate ? source.frameRate.numerator / source.frameRate.denominator : null,
    ...speedOf(tally, pool),
  });

  let begun: string | undefined;
  let overlays: VideoWriter | undefined;
  let unlock: (() => Promise<void>) | undefined;
  try {
    unlock = await lockFolder(join(out, `.${name}.lock`), 'predicting into this folder');
    for (const folder of [out, ...folders.map(({ path }) => path)]) await ensureFolder(folder);
    const earlier = options.resume ? await checkResumable(summaryPath, settings) : undefined;
    begun = begunIn(earlier?.begun);
    if (begun === undefined) {
      await removeOtherRecords(out, 'predict', shard);
      begun = await beginRecord(summaryPath, summary(false, false));
    } else if (!video || files.includes('labels')) finished = await finishedStems(folders, begun);
    await writeFileWhole(summaryPath, formatRecord(summary(false, false)));
    await runFrames(source, selection, pool.sessions + 2, options, tally, {
      // The overlay video of a resumed run is written again from its start.
      isDone: (stem) => finished.has(stem) && !video,
      finish: finishFrame,
      async take(overlay) {
        if (!overlay) return;
        const start = performance.now();
        overlays ??= await createOverlayVideo(out, source, overlay);
        await overlays.write(overlay);
        times.write += performance.now() - start;
      },
    });
    await overlays?.close();
    const interrupted = signal?.aborted ?? false;
    const result = summary(!interrupted && tally.failed.length === 0, interrupted);
    await writeFileWhole(summaryPath, formatRecord(result));
    return result;
  } catch (thrown) {
    await overlays?.abort();
    throw thrown;
  } finally {
    await pool.release();
    await unlock?.();
  }

  /** Segments, draws and writes one frame; gives what the overlay video shows of it. */
  async function finishFrame({ stem, image }: Frame): Promise<RgbImage | undefined> {
    const done = finished.has(stem);
    if (done) tally.resumed++;
    const wants = (kind: OutputKind) => !done && save.includes(kind);
    const result = await pool.run({
      image: movable(image),
      labels: done ? await readLabelMap(fileOf(out, 'labels', stem)) : undefined,
      render: {
        labels: wants('labels'),
        color: wants('color'),
        confidence: wants('confidence'),
        overlay: video ? 'frame' : wants('overlay') ? 'jpeg' : undefined,
      },
    });
    for (const stage of ['prepare', 'inference', 'labels', 'render'] as const) times[stage] += result.times[stage];
    const { labels, color, confidence, overlayFile, overlay } = result.rendered;
    const contents = { labels, color, confidence, overlay: overlayFile };
    const start = performance.now();
    for (const kind of files) {
      const content = contents[kind];
      if (content) await writeFileWhole(fileOf(out, kind, stem), content);
    }
    times.write += performance.now() - start;
    return overlay;
  }
}

/** The kinds asked for, each once, or the default of the input. */
function chooseOutputs(save: readonly OutputKind[] | undefined, source: FrameSource): OutputKind[] {
  const wanted = save ?? (source.kind === 'video' ? ['labels', 'color', 'overlay'] : ['labels', 'color']);
  if (wanted.length === 0)
    throw new UsageError(`expected at least one of ${outputKinds.join(', ')} to save, found none`);
  return outputKinds.filter((kind) => wanted.includes(kind));
}

/** The kinds that are a file a frame, in folders of their own. */
function fileKinds(save: readonly OutputKind[], source: FrameSource): OutputKind[] {
  return save.filter((kind) => kind !== 'overlay' || source.kind === 'images');
}

function fileOf(out: string, kind: OutputKind, stem: string): string {
  return join(out, kind, `${stem}${extensionOf(kind)}`);
}

function extensionOf(kind: OutputKind): string {
  return kind === 'overlay' ? '.jpg' : '.png';
}

/** @throws UsageError when a video would be replaced by its own overlay. */
async function checkOtherFile(input: string, result: string): Promise<void> {
  const [given, written] = await Promise.all([realpath(input), realpath(result).catch(() => undefined)]);
  if (given === written)
    throw new UsageError(`${input}: expected a video apart from the results, found ${result} in --out`);
}

/** The overlay video: size and frame rate are those of the input. */
async function createOverlayVideo(out: string, source: FrameSource, first: RgbImage): Promise<VideoWriter> {
  if (!source.frameRate) throw new SteadysegError(`${source.description}: expected a video with a frame rate`);
  const { width, height } = first;
  return createVideoWriter(join(out, 'overlay.mp4'), { width, height, frameRate: source.frameRate });
}
