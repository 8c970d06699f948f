// Two predictions of the same frames in one video, and how often each changes its mind as a picture.
import { basename, dirname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { InterruptedError, SteadysegError, UsageError } from '../base/errors.js';
import { exists, isFolder, readFileBounded } from '../base/files.js';
import type { OnProgress } from '../base/progress.js';
import { type ClassSet, sameNames } from './classes.js';
import { colorize, overlay } from './color.js';
import { compose, type Layout } from './compose.js';
import { createFlickerCounter, type FlickerCounter } from './flicker.js';
import { drawFlicker } from './flickerMap.js';
import { type FrameSource, openFrames } from './frames.js';
import type { LabelMap, RgbImage } from './image.js';
import { readLabelMap } from './labels.js';
import { createCaption, createLegend, drawLegend, type Legend, type LegendPlace, withLegend } from './legend.js';
import { MAX_PICTURE_BYTES, writePicture } from './pictures.js';
import { isPng } from './png.js';
import { classesOfResult } from './resultClasses.js';
import { checkSingleOutputs } from './singleOutputs.js';
import { pairingKey, pairingKeyOf } from './stems.js';
import type { FrameRate } from './video.js';
import { createVideoWriter, type VideoWriter } from './videoWriter.js';

/** What `compare` takes. */
export interface CompareOptions {
  /** Where the video goes (.mp4). */
  readonly out?: string | undefined;
  /** Where the flicker map goes (.png, .jpg); both predictions must be label maps. */
  readonly flicker?: string | undefined;
  /** What the ids of label maps mean; default: what the record of a result says, each in its own colours. Without any, folders are shown as the pictures they hold. */
  readonly classes?: ClassSet | undefined;
  /** Frames (any input) to draw label maps over; those without labels are left out. */
  readonly frames?: string | undefined;
  /** Default `diagonal`. */
  readonly layout?: Layout | undefined;
  /** Share of the class colour over frames, 0..1. Default 0.5. */
  readonly opacity?: number | undefined;
  /** Where the legend goes. Default `inside`. */
  readonly legend?: LegendPlace | undefined;
  /** What is written into the part of A, of B; default: the ends of their paths. */
  readonly nameA?: string | undefined;
  readonly nameB?: string | undefined;
  /** Default: that of the first video among A, B and the frames, else 25. */
  readonly frameRate?: FrameRate | undefined;
  /** Compare the first frames only. */
  readonly limit?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Ends early, with nothing written. */
  readonly signal?: AbortSignal | undefined;
}

/** What `compare` wrote, and how much labels change. */
export interface Comparison {
  readonly frames: number;
  readonly video?: { readonly file: string; readonly width: number; readonly height: number; readonly layout: Layout };
  /** Share of pixels whose label changes from a frame to the next, of A and of B; motion of the scene is part of it. */
  readonly flicker?: { readonly file: string; readonly a: number; readonly b: number };
}

/** One of the two: label maps, or pictures (a video or a folder). */
interface Side {
  readonly input: string;
  readonly source: FrameSource;
  /** What the ids of its label maps mean; undefined for pictures. */
  readonly classes: ClassSet | undefined;
}

/** Text grows with the frame; at this height a font unit is 2 pixels. */
const CAPTION_HEIGHT = 540;
const defaultFrameRate: FrameRate = { numerator: 25, denominator: 1 };

/**
 * Compares two predictions: folders of label maps, results of `predict` (their `labels`), folders of pictures, or videos.
 * Label maps are drawn in class colours, over the frames when these are given. Folders pair by file name (suffixes of
 * data sets taken off), videos by frame number; all must have the same frames and one size.
 * @throws SteadysegError naming what is missing or differs; UsageError for options that do not go together.
 */
export async function compare(inputA: string, inputB: string, options: CompareOptions): Promise<Comparison> {
  const { out, flicker, layout = 'diagonal', limit = Number.POSITIVE_INFINITY, onProgress, signal } = options;
  checkOutputs(options);
  await checkSingleOutputs([out, flicker], [inputA, inputB, options.frames]);
  const opened = [await openSide(inputA, options.classes), await openSide(inputB, options.classes)] as const;
  const shared = sharedClasses(...opened);
  const [a, b] = opened.map((side) => ({ ...side, classes: shared ?? side.classes }));
  for (const side of [a, b]) {
    if (side.classes) continue;
    const reason = side.source.kind === 'video' ? 'a video' : 'pictures, or label maps without their classes';
    if (flicker !== undefined)
      throw new UsageError(`a flicker map needs label maps and classes, ${side.input} is ${reason}`);
    if (options.frames !== undefined) {
      throw new UsageError(`frames to draw over need label maps and classes, ${side.input} is ${reason}`);
    }
  }
  const ground = options.frames === undefined ? undefined : await openFrames(options.frames);
  const count = checkCounts(a, b);
  const total = count === undefined ? undefined : Math.min(count, limit);
  const defaults = distinctNames(inputA, inputB);
  const names = [options.nameA ?? defaults[0], options.nameB ?? defaults[1]] as const;
  const rate = [ground, a.source, b.source].find((source) => source?.frameRate !== undefined)?.frameRate;

  const counters =
    flicker === undefined ? undefined : [a, b].map(({ classes }) => createFlickerCounter(classes?.ignoreLabel ?? 255));
  const clipStarts = new Set(a.source.clips.map(({ first }) => first));
  let writer: VideoWriter | undefined;
  let pending: Promise<void> = Promise.resolve();
  let decorate: ((image: RgbImage) => RgbImage) | undefined;
  let video: Comparison['video'];
  let done = 0;
  try {
    for await (const pair of pairsOf(a, b, ground, options.opacity)) {
      if (signal?.aborted) throw new InterruptedError(`interrupted after ${done} frames: nothing was written`);
      if (counters && pair.labels) countPair(counters, pair.labels, clipStarts.has(done));
      if (out !== undefined) {
        const composed = nameFaults(pair.stem, () => compose(pair.a, pair.b, layout));
        decorate ??= createDecoration(pair.a, layout, names, shared, options.legend);
        const image = decorate(composed);
        if (writer === undefined) {
          writer = await createVideoWriter(out, { ...image, frameRate: options.frameRate ?? rate ?? defaultFrameRate });
          video = { file: out, width: image.width, height: image.height, layout };
        }
        // One frame is encoded while the next is read and drawn.
        await pending;
        pending = writer.write(image);
        pending.catch(() => {});
      }
      done++;
      onProgress?.({ done, total });
      if (done >= limit) break;
    }
    await pending;
    await writer?.close();
  } catch (thrown) {
    await pending.catch(() => {});
    await writer?.abort();
    throw thrown;
  }
  if (flicker === undefined || counters === undefined) return { frames: done, ...(video && { video }) };
  const [mapA, mapB] = counters.map((counter) => counter.result());
  await writePicture(flicker, drawFlicker(mapA, mapB, names));
  return { frames: done, ...(video && { video }), flicker: { file: flicker, a: mapA.rate, b: mapB.rate } };
}

/** Of a PNG; label maps are nothing else. */
async function layoutOf(path: string): Promise<{ channels?: number | undefined; isPalette?: boolean | undefined }> {
  const bytes = await readFileBounded(path, MAX_PICTURE_BYTES).catch(() => new Uint8Array(0));
  if (!isPng(bytes)) return {};
  return await sharp(bytes)
    .metadata()
    .catch(() => ({}));
}

/** @throws UsageError when there is no output, or one whose name is not that of its kind. */
export function checkOutputs({ out, flicker }: Pick<CompareOptions, 'out' | 'flicker'>): void {
  if (out === undefined && flicker === undefined)
    throw new UsageError('expected an output: a video, a flicker map or both');
  if (out !== undefined && !/\.mp4$/i.test(out))
    throw new UsageError(`expected a video name ending in .mp4, found "${out}"`);
  if (flicker !== undefined && !/\.(png|jpe?g)$/i.test(flicker)) {
    throw new UsageError(`expected a picture name ending in .png or .jpg for the flicker map, found "${flicker}"`);
  }
}

async function openSide(input: string, given: ClassSet | undefined): Promise<Side> {
  const classes = await classesOfResult(input, given);
  // A result of `predict` holds its label maps and colour maps in folders of their own.
  const inner = (classes === undefined ? ['color', 'labels'] : ['labels']).map((name) => join(input, name));
  let place = input;
  for (const folder of (await isFolder(input)) ? inner.reverse() : []) if (await exists(folder)) place = folder;
  const source = await openFrames(place);
  if (source.paths === undefined) return { input, source, classes: undefined };
  const { channels, isPalette } = await layoutOf(source.paths[0]);
  const single = channels === 1 || isPalette === true;
  if (channels === 1 && classes === undefined) {
    throw new UsageError(`${input} holds label maps: expected a preset or a file of classes to draw them`);
  }
  return { input, source, classes: single ? classes : undefined };
}

/** The classes of both, for one legend; undefined where each is drawn in its own. */
function sharedClasses(a: Side, b: Side): ClassSet | undefined {
  return a.classes && b.classes && sameNames(a.classes.classes, b.classes.classes) ? a.classes : undefined;
}

/** The number of frames where it is known; both must have the same names, or as many. */
function checkCounts(a: Side, b: Side): number | undefined {
  const [stemsA, stemsB] = [a, b].map(({ source }) => source.stems?.map(pairingKey));
  if (stemsA && stemsB) {
    for (const [one, other, input] of [
      [stemsA, stemsB, b.input],
      [stemsB, stemsA, a.input],
    ] as const) {
      const there = new Set(other);
      const missing = one.find((stem) => !there.has(stem));
      if (missing !== undefined) {
        throw new SteadysegError(
          `${input}: expected a file for each frame of the other (${one.length}), found ${other.length}: ${missing} is missing`,
        );
      }
    }
    return stemsA.length;
  }
  const [countA, countB] = [a.source.count, b.source.count];
  if (countA !== undefined && countB !== undefined && countA !== countB) throw differentLength(a, b, countA, countB);
  return countA ?? countB;
}

function differentLength(a: Side, b: Side, countA: number, countB: number): SteadysegError {
  return new SteadysegError(
    `expected as many frames in both, found ${countA} in ${a.input} and ${countB} in ${b.input}`,
  );
}

interface Pair {
  readonly stem: string;
  readonly a: RgbImage;
  readonly b: RgbImage;
  readonly labels: readonly [LabelMap, LabelMap] | undefined;
}

/** The pictures of A and B, frame by frame, label maps drawn. */
async function* pairsOf(
  a: Side,
  b: Side,
  ground: FrameSource | undefined,
  opacity: number | undefined,
): AsyncGenerator<Pair, void, void> {
  if (a.classes && b.classes) {
    yield* labelPairs(a, b, [a.classes, b.classes], ground, opacity);
    return;
  }
  const [framesA, framesB] = [picturesOf(a), picturesOf(b)];
  try {
    for (let count = 0; ; count++) {
      const [nextA, nextB] = await Promise.all([framesA.next(), framesB.next()]);
      if (nextA.done && nextB.done) return;
      if (nextA.done || nextB.done) {
        const longer = (nextA.done ? b : a).source.count ?? count + 1;
        throw differentLength(a, b, nextA.done ? count : longer, nextB.done ? count : longer);
      }
      yield { stem: nextA.value.stem, a: nextA.value.image, b: nextB.value.image, labels: undefined };
    }
  } finally {
    await Promise.all([framesA.return(), framesB.return()]);
  }
}

async function* picturesOf(side: Side): AsyncGenerator<{ stem: string; image: RgbImage }, void, void> {
  const { classes } = side;
  if (classes === undefined) {
    yield* side.source.frames();
    return;
  }
  for (const path of side.source.paths ?? []) {
    yield { stem: pairingKeyOf(path), image: colorize(await readLabelMap(path), classes) };
  }
}

async function* labelPairs(
  a: Side,
  b: Side,
  [classesA, classesB]: readonly [ClassSet, ClassSet],
  ground: FrameSource | undefined,
  opacity: number | undefined,
): AsyncGenerator<Pair, void, void> {
  const pathsB = new Map(b.source.paths?.map((path) => [pairingKeyOf(path), path]));
  const left = new Map<string, readonly [string, string]>();
  for (const pathA of a.source.paths ?? []) {
    const pathB = pathsB.get(pairingKeyOf(pathA));
    if (pathB !== undefined) left.set(pairingKeyOf(pathA), [pathA, pathB]);
  }
  const read = ([pathA, pathB]: readonly [string, string]) =>
    Promise.all([readLabelMap(pathA), readLabelMap(pathB)] as const);
  if (ground === undefined) {
    for (const [stem, paths] of left) {
      const labels = await read(paths);
      yield { stem, a: colorize(labels[0], classesA), b: colorize(labels[1], classesB), labels };
    }
    return;
  }
  for await (const { stem, image } of ground.frames({ wanted: (_, stem) => left.has(pairingKey(stem)) })) {
    const key = pairingKey(stem);
    const paths = left.get(key);
    if (paths === undefined) continue;
    left.delete(key);
    const labels = await read(paths);
    const drawnA = nameFaults(stem, () => overlay(image, labels[0], classesA, { opacity }));
    const drawnB = nameFaults(stem, () => overlay(image, labels[1], classesB, { opacity }));
    yield { stem, a: drawnA, b: drawnB, labels };
    if (left.size === 0) return;
  }
  const [missing] = left.keys();
  throw new SteadysegError(
    `${ground.description}: expected the frame ${missing} of ${a.input}, found none of that name`,
  );
}

function countPair(
  counters: readonly FlickerCounter[],
  labels: readonly [LabelMap, LabelMap],
  startsClip: boolean,
): void {
  for (const [side, counter] of counters.entries()) counter.add(labels[side], startsClip);
}

/** Puts the frame's name before what is wrong with it. */
function nameFaults<T>(stem: string, body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    if (thrown instanceof SteadysegError) throw new SteadysegError(`frame ${stem}: ${thrown.message}`);
    throw thrown;
  }
}

/** Draws the two names, and the legend where there are classes; laid out once. */
function createDecoration(
  part: { width: number; height: number },
  layout: Layout,
  names: readonly [string, string],
  classes: ClassSet | undefined,
  place: LegendPlace = 'inside',
): (image: RgbImage) => RgbImage {
  const { width, height } = part;
  const whole = layout === 'diagonal' ? width : 2 * width;
  const unit = Math.max(1.3, (2 * Math.min(height, width * 0.75)) / CAPTION_HEIGHT);
  const corner = Math.round(5 * unit);
  const legend = classes && place !== 'off' ? createLegend(classes, { width: whole, height }, place) : undefined;
  const room = layout === 'diagonal' ? width * 0.7 : width - 2 * corner;
  const captionA = createCaption(names[0], unit, corner, corner, room);
  const captionB = createCaption(names[1], unit, 0, 0, room);
  const drawn: Legend[] = [];
  if (captionA) drawn.push(captionA);
  if (captionB && layout === 'diagonal') {
    const bottom = (legend && place === 'inside' ? legend.y : height) - corner;
    drawn.push({ ...captionB, x: width - corner - captionB.width, y: bottom - captionB.height });
  } else if (captionB) drawn.push({ ...captionB, x: width + corner, y: corner });
  return (image) => {
    for (const one of drawn) drawLegend(image, one);
    return withLegend(image, legend);
  };
}

/** The last parts of two paths, as many as it takes to tell them apart. */
export function distinctNames(a: string, b: string): [string, string] {
  const name = (path: string, parts: number): string =>
    parts <= 1 ? basename(path) : join(name(dirname(path), parts - 1), basename(path));
  const [pathA, pathB] = [resolve(a), resolve(b)];
  const deepest = Math.max(pathA.split(/[/\\]/).length, pathB.split(/[/\\]/).length);
  for (let parts = 1; parts <= deepest; parts++) {
    const names: [string, string] = [name(pathA, parts), name(pathB, parts)];
    if (names[0] !== names[1]) return names;
  }
  return ['A', 'B'];
}
