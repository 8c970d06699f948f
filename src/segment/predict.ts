// Predicts a whole input into a folder: label maps, colour maps, overlays, confidences and a record of it all.
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { SteadysegError, UsageError } from '../base/errors.js';
import { ensureFolder, temporaryBeside } from '../base/files.js';
import { type OutputFolder, openOutputFolder, type Recorded } from '../base/outputFolder.js';
import { wholeWork } from '../base/shard.js';
import { suggest } from '../base/suggest.js';
import { type ClassSet, sameNames } from '../media/classes.js';
import { classFolders } from '../media/classFiles.js';
import { DEFAULT_OPACITY } from '../media/color.js';
import { checkApart } from '../media/frameFiles.js';
import { checkUnchanged, type Frame, type FrameSource, openFrames } from '../media/frames.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { readLabelMap } from '../media/labels.js';
import type { LegendPlace } from '../media/legend.js';
import type { FrameRate } from '../media/video.js';
import { createVideoWriter, type VideoWriter } from '../media/videoWriter.js';
import { requireSameSize } from '../metrics/joint.js';
import { checkSegmentOptions, type SegmentationModel } from './model.js';
import { createPool, movable } from './pool.js';
import type { Rendered } from './render.js';
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
import { type FrameFileKind, frameUnit, takeOver } from './takeOver.js';

/** What can be saved of each frame. */
export const outputKinds = ['labels', 'color', 'overlay', 'confidence', 'masks', 'cutout'] as const;
/** What can be saved of each frame. */
export type OutputKind = (typeof outputKinds)[number];

const overlayName = 'overlay.mp4';

/** What `predict` takes. */
export interface PredictOptions extends Omit<SegmentOptions, 'confidence'>, FrameRunOptions {
  /** Default: labels, color and overlay. */
  readonly save?: readonly OutputKind[] | undefined;
  /** Share of the class colour in overlays, 0..1. Default 0.5. */
  readonly opacity?: number | undefined;
  /** Where the legend of overlays goes. Default `inside`. */
  readonly legend?: LegendPlace | undefined;
  /** Names of the classes that colour maps, overlays, masks and cut-outs show. Default: all. */
  readonly classesOnly?: readonly string[] | undefined;
  /** Of pictures: the overlay is a video of that rate. Default: a picture each. */
  readonly rate?: FrameRate | undefined;
  /** Labels that were made otherwise, in place of the network's of a frame alone. */
  readonly own?: OwnLabels | undefined;
}

/** Labels of a frame from elsewhere. */
export interface OwnLabels {
  /** What they are, for the record. */
  readonly name: string;
  /** Labels of a frame, of its size. @param index of the frame in the input. */
  labels(index: number, frame: RgbImage): Promise<LabelMap>;
}

/** What makes two runs comparable: `resume` asks for the same. */
interface Settings extends RunSettings {
  readonly save: readonly OutputKind[];
  readonly opacity: number;
  readonly legend: LegendPlace;
  /** Null for all. */
  readonly classesOnly: readonly string[] | null;
  /** Of the overlay video of pictures; null where there is none. */
  readonly rate: number | null;
  /** What the labels are, where they are not the network's of each frame alone. */
  readonly notPerFrame?: string | undefined;
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
 * `confidence/<stem>.png` (255 is 1), `masks/<class>/<stem>.png` (255 where the class is), `cutout/<class>/<stem>.png` (the frame
 * there, transparent elsewhere), for a video, and pictures with a rate, `overlay.mp4`, else `overlay/<stem>.jpg`, and `predict.json`.
 * Each file appears whole or not at all, in place of what an earlier run left there and of nothing else. A resumed run takes over
 * what it finds as a run of the same settings wrote it, from the same content.
 *
 * @throws UsageError for a class that there is not, and a rate that does not fit; SteadysegError for an input, model or folder that cannot be used, for a folder another process predicts into, and for
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
  const save = chooseOutputs(options.save);
  const { opacity = DEFAULT_OPACITY, legend = 'inside', rate } = options;
  const shown = options.classesOnly?.map((name) => classId(model.classes, name));
  const settings: Settings = {
    ...(await runSettings(input, model, options)),
    ...{ save, opacity, legend, classesOnly: shown?.map((id) => model.classes.classes[id]) ?? null },
    rate: rate ? rate.numerator / rate.denominator : null,
    ...(options.own && { notPerFrame: options.own.name }),
  };

  if (rate && !save.includes('overlay')) throw new UsageError('expected overlay among what is saved, for a rate');
  const frameRate = save.includes('overlay') ? videoRate(source, options) : undefined;
  const video = frameRate !== undefined;
  const kinds = save.flatMap((kind) => (kind === 'overlay' && video ? [] : filesOf(kind, model.classes, shown)));
  const files: readonly OutputKind[] = kinds.map(({ kind }) => kind);
  const folders = kinds.map(({ folder, extension }) => ({ path: join(out, folder), extension }));
  await checkApart(source, folders);
  if (source.isStream && options.resume) {
    throw new UsageError(`${input}: expected an input that can be read again to resume, found one that comes once`);
  }
  if (video && !source.isStream) await checkOtherFile(input, join(out, overlayName));
  const selection = selectFrames(source, shard, options);

  const views = { tile: options.tile, scales: options.scales, flip: options.flip };
  const style = { opacity, legend, shown };
  const pool = await createPool(model, { ...views, confidence: save.includes('confidence') }, selection.count, style);
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
    frameRate: source.frameRate ? source.frameRate.numerator / source.frameRate.denominator : settings.rate,
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
    const pictures = createHash('sha256');
    await runFrames(source, selection, pool.sessions + 2, options, tally, {
      // The overlay video of a resumed run is written again from its start.
      isDone: (stem) => finished.has(stem) && !video,
      finish: finishFrame,
      async take({ overlay, digest: ofPicture }) {
        if (!overlay || !frameRate) return;
        const start = performance.now();
        overlays ??= await createOverlayVideo(out, overlay, frameRate);
        pictures.update(ofPicture);
        await overlays.writer.write(overlay);
        times.write += performance.now() - start;
      },
    });
    if (digest !== undefined) await checkUnchanged(source, digest);
    if (overlays) {
      await overlays.writer.close();
      await folder.adopt(overlayName, digest ?? pictures.digest('hex'), overlayName, overlays.temporary);
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

  async function ownLabels(index: number, image: RgbImage): Promise<LabelMap | undefined> {
    const labels = await options.own?.labels(index, image);
    if (labels) requireSameSize(labels, image, 'labels and frame');
    return labels;
  }

  /** Segments, draws and writes one frame; gives what the overlay video shows of it. */
  async function finishFrame({
    index,
    stem,
    image,
    digest = '',
  }: Frame): Promise<{ overlay?: RgbImage; digest: string }> {
    const done = finished.has(stem);
    if (done) tally.resumed++;
    const wants = (kind: OutputKind) => !done && save.includes(kind);
    const result = await pool.run({
      image: movable(image),
      labels: done ? await readLabelMap(join(out, 'labels', `${stem}.png`)) : await ownLabels(index, image),
      render: {
        labels: wants('labels'),
        color: wants('color'),
        confidence: wants('confidence'),
        overlay: video ? 'frame' : wants('overlay') ? 'jpeg' : undefined,
        masks: wants('masks'),
        cutout: wants('cutout'),
      },
    });
    for (const stage of ['prepare', 'inference', 'labels', 'render'] as const) times[stage] += result.times[stage];
    const start = performance.now();
    if (!done) {
      await folder?.write({
        unit: frameUnit(stem),
        source: digest,
        files: Object.fromEntries(kinds.map((kind) => [pathOf(kind, stem), contentOf(kind, result.rendered)])),
      });
    }
    times.write += performance.now() - start;
    return { digest, ...(result.rendered.overlay && { overlay: result.rendered.overlay }) };
  }
}

/** The kinds asked for, each once. */
function chooseOutputs(wanted: readonly OutputKind[] = ['labels', 'color', 'overlay']): OutputKind[] {
  if (wanted.length === 0)
    throw new UsageError(`expected at least one of ${outputKinds.join(', ')} to save, found none`);
  return outputKinds.filter((kind) => wanted.includes(kind));
}

/** A file of each frame. */
interface OutputFile extends FrameFileKind {
  readonly kind: OutputKind;
  /** Of masks and cut-outs: the folder of their class. */
  readonly ofClass?: string;
}

/** The files of a kind, in folders of their own: one, or one for each class that is shown. */
function filesOf(kind: OutputKind, classes: ClassSet, shown: readonly number[] | undefined): OutputFile[] {
  if (kind !== 'masks' && kind !== 'cutout') {
    return [{ kind, folder: kind, extension: kind === 'overlay' ? '.jpg' : '.png' }];
  }
  const folders = classFolders(classes);
  const ids = shown ?? folders.map((_, id) => id);
  return ids.map((id) => ({ kind, folder: `${kind}/${folders[id]}`, extension: '.png', ofClass: folders[id] }));
}

function contentOf({ kind, ofClass = '' }: OutputFile, rendered: Rendered): Uint8Array | undefined {
  if (kind === 'masks' || kind === 'cutout') return rendered[kind]?.get(ofClass);
  return kind === 'overlay' ? rendered.overlayFile : rendered[kind];
}

/** Where a frame's file lies in the folder. */
function pathOf({ folder, extension }: FrameFileKind, stem: string): string {
  return `${folder}/${stem}${extension}`;
}

/** The number of a class. @throws UsageError for a name that is none. */
function classId({ name: set, classes }: ClassSet, wanted: string): number {
  const id = classes.findIndex((name) => sameNames([name], [wanted]));
  if (id >= 0) return id;
  const near = suggest(wanted, classes);
  throw new UsageError(
    `expected a class of ${set}, found "${wanted}"; ${near ? `did you mean ${near}?` : `there are ${classes.join(', ')}`}`,
  );
}

/** The rate of the overlay video, where there is one: of every n-th frame, the n-th part. */
function videoRate(source: FrameSource, { rate, every = 1, shard = wholeWork }: PredictOptions): FrameRate | undefined {
  if (rate && source.kind === 'video') {
    throw new UsageError(`${source.input}: expected pictures for a rate, found a video, which has its own`);
  }
  if (rate && shard.count > 1)
    throw new UsageError('expected all pictures for an overlay video, found a shard of them');
  if (rate) return rate;
  if (source.kind === 'images') return undefined;
  if (!source.frameRate) throw new SteadysegError(`${source.description}: expected a video with a frame rate`);
  const { numerator, denominator } = source.frameRate;
  return { numerator, denominator: denominator * every };
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

async function createOverlayVideo(out: string, first: RgbImage, frameRate: FrameRate): Promise<OverlayVideo> {
  const { width, height } = first;
  const temporary = temporaryBeside(join(out, overlayName));
  return { temporary, writer: await createVideoWriter(temporary, { width, height, frameRate }) };
}
