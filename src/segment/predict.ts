// Predicts a whole input into a folder: label maps, colour maps, overlays, confidences and a record of it all.
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { SteadysegError, UsageError } from '../base/errors.js';
import { ensureFolder, temporaryBeside } from '../base/files.js';
import { type OutputFolder, openOutputFolder, type Recorded } from '../base/outputFolder.js';
import { wholeWork } from '../base/shard.js';
import { checkApart } from '../media/frameFiles.js';
import { checkUnchanged, type Frame, type FrameSource, openFrames } from '../media/frames.js';
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
import { frameUnit, takeOver } from './takeOver.js';

/** What can be saved of each frame. */
export const outputKinds = ['labels', 'color', 'overlay', 'confidence'] as const;
/** What can be saved of each frame. */
export type OutputKind = (typeof outputKinds)[number];

const overlayName = 'overlay.mp4';

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
export interface PredictSummary extends Settings, RunSpeed, Recorded {
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
 * Each file appears whole or not at all, in place of what an earlier run left there and of nothing else. A resumed run takes over
 * what it finds as a run of the same settings wrote it, from the same content.
 *
 * @throws SteadysegError for an input, model or folder that cannot be used, for a folder another process predicts into, and for
 * a file in it that is the user's.
 */
export async function predict(
  input: string,
  model: SegmentationModel,
  out: string,
  options: PredictOptions = {},
): Promise<PredictSummary> {
  const confidence = options.save?.includes('confidence');
  checkSegmentOptions(model.description, { ...options, confidence });
  const { keepGoing = false, shard = wholeWork, signal } = options;
  const source = await openFrames(input, { acceptTruncated: keepGoing, raw: options.raw, onNote: options.onNote });
  const save = chooseOutputs(options.save, source);
  const settings: Settings = { ...(await runSettings(input, model, options)), save };

  const files = fileKinds(save, source);
  const kinds = files.map((kind) => ({ folder: kind, extension: extensionOf(kind) }));
  const folders = kinds.map(({ folder, extension }) => ({ path: join(out, folder), extension }));
  const video = save.includes('overlay') && source.kind === 'video';
  await checkApart(source, folders);
  if (source.isStream && options.resume) {
    throw new UsageError(`${input}: expected an input that can be read again to resume, found one that comes once`);
  }
  if (video && !source.isStream) await checkOtherFile(input, join(out, overlayName));
  const selection = selectFrames(source, shard, options);

  const views = { tile: options.tile, scales: options.scales, flip: options.flip };
  const pool = await createPool(model, { ...views, confidence: save.includes('confidence') }, selection.count);
  const tally = createTally();
  const { times } = tally;
  const summary = (complete: boolean, interrupted: boolean): Omit<PredictSummary, 'written'> => ({
    ...settings,
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

  let overlays: OverlayVideo | undefined;
  let folder: OutputFolder | undefined;
  let finished: ReadonlyMap<string, unknown> = new Map();
  try {
    folder = await openOutputFolder(out, {
      name: 'predict',
      work: 'predicting into this folder',
      shard,
      settings,
      resume: options.resume,
      overwrite: options.overwrite,
    });
    if (video) await folder.checkFree([overlayName]);
    // The overlay video of a resumed run is drawn again from its start, over the labels that are there.
    const there = await takeOver(out, folder, source, selection, kinds);
    if (!video || files.includes('labels')) finished = there;
    for (const { path } of folders) await ensureFolder(path);
    await folder.record(summary(false, false));
    const digest = source.kind === 'video' ? await source.fingerprint(0) : undefined;
    await runFrames(source, selection, pool.sessions + 2, options, tally, {
      // The overlay video of a resumed run is written again from its start.
      isDone: (stem) => finished.has(stem) && !video,
      finish: finishFrame,
      async take(overlay) {
        if (!overlay) return;
        const start = performance.now();
        overlays ??= await createOverlayVideo(out, source, overlay, options.every);
        await overlays.writer.write(overlay);
        times.write += performance.now() - start;
      },
    });
    if (digest !== undefined) await checkUnchanged(source, digest);
    if (overlays && digest !== undefined) {
      await overlays.writer.close();
      await folder.adopt(overlayName, digest, overlayName, overlays.temporary);
    }
    const interrupted = signal?.aborted ?? false;
    return await folder.record(summary(!interrupted && tally.failed.length === 0, interrupted));
  } catch (thrown) {
    await overlays?.writer.abort();
    throw thrown;
  } finally {
    await pool.release();
    await folder?.close();
  }

  /** Segments, draws and writes one frame; gives what the overlay video shows of it. */
  async function finishFrame({ stem, image, digest = '' }: Frame): Promise<RgbImage | undefined> {
    const done = finished.has(stem);
    if (done) tally.resumed++;
    const wants = (kind: OutputKind) => !done && save.includes(kind);
    const result = await pool.run({
      image: movable(image),
      labels: done ? await readLabelMap(join(out, pathOf('labels', stem))) : undefined,
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
    if (!done) {
      await folder?.write({
        unit: frameUnit(stem),
        source: digest,
        files: Object.fromEntries(files.map((kind) => [pathOf(kind, stem), contents[kind]])),
      });
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

/** Where a frame's file lies in the folder. */
function pathOf(kind: OutputKind, stem: string): string {
  return `${kind}/${stem}${extensionOf(kind)}`;
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

/** The overlay video while it is written, aside. */
interface OverlayVideo {
  readonly writer: VideoWriter;
  readonly temporary: string;
}

/** Size and frame rate are those of the input; of every n-th frame, the n-th part. */
async function createOverlayVideo(out: string, source: FrameSource, first: RgbImage, every = 1): Promise<OverlayVideo> {
  if (!source.frameRate) throw new SteadysegError(`${source.description}: expected a video with a frame rate`);
  const { width, height } = first;
  const temporary = temporaryBeside(join(out, overlayName));
  const { numerator, denominator } = source.frameRate;
  const frameRate = { numerator, denominator: denominator * every };
  return { temporary, writer: await createVideoWriter(temporary, { width, height, frameRate }) };
}
