// Predicts a whole input into a folder: label maps, colour maps, overlays, confidences and a record of it all.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SteadysegError, UsageError } from '../base/errors.js';
import { ensureFolder, exists, fileSize, readFileBounded, writeFileWhole } from '../base/files.js';
import { mapOrdered } from '../base/ordered.js';
import type { OnProgress } from '../base/progress.js';
import { inShard, type Shard, wholeWork } from '../data/shard.js';
import { type Frame, type FrameSource, openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { readLabelMap } from '../media/labels.js';
import { createVideoWriter, type VideoWriter } from '../media/videoWriter.js';
import { checkSegmentOptions, type SegmentationModel } from './model.js';
import { createPool, movable } from './pool.js';
import type { Preprocessing } from './preprocessing.js';
import type { SegmentOptions } from './segment.js';

/** What can be saved of each frame. */
export const outputKinds = ['labels', 'color', 'overlay', 'confidence'] as const;
export type OutputKind = (typeof outputKinds)[number];

export interface PredictOptions extends Omit<SegmentOptions, 'confidence'> {
  /** Default: labels and color, for a video also overlay. */
  readonly save?: readonly OutputKind[] | undefined;
  /** Leave out frames whose files are there already. The folder has to come from the same model and options. */
  readonly resume?: boolean | undefined;
  /** Stop after this many frames. */
  readonly limit?: number | undefined;
  /** Go on after frames that cannot be read; they are listed in the summary. */
  readonly keepGoing?: boolean | undefined;
  /** Only every `count`-th clip, from the `index`-th on. */
  readonly shard?: Shard | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called for each frame that cannot be read and is left out. */
  readonly onFailure?: ((failure: FrameFailure) => void) | undefined;
  /** Ends early: frames under way are finished, and the overlay video is closed with them. */
  readonly signal?: AbortSignal | undefined;
}

export interface FrameFailure {
  readonly stem: string;
  readonly reason: string;
}

/** What makes two runs comparable: `resume` asks for the same. */
interface Settings {
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
  readonly save: readonly OutputKind[];
}

/** The content of `predict.json`. */
export interface PredictSummary extends Settings {
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
  readonly sessions: number;
  readonly threads: number;
  readonly seconds: number;
  /** Frames of this run per second, from the first frame on. */
  readonly fps: number;
  /** Mean milliseconds a frame of this run spent in each stage. Stages of several frames overlap, so they do not add up to the time a frame took. */
  readonly stages: Readonly<Record<Stage, number>>;
}

/** Where the time goes: waiting for frames, resizing and normalising, the network, scores to labels, drawing and encoding, writing files and video. */
type Stage = 'decode' | 'prepare' | 'inference' | 'labels' | 'render' | 'write';

/** A summary lists the failed frames at most; a larger file is something else. */
const MAX_SUMMARY_BYTES = 1 << 28;

/**
 * Predicts every frame of INPUT into `out`: `labels/<stem>.png` (train ids), `color/<stem>.png` (palette),
 * `confidence/<stem>.png` (255 is 1), for a video `overlay.mp4`, for pictures `overlay/<stem>.jpg`, and `predict.json`.
 * Each file appears whole or not at all.
 *
 * @throws SteadysegError for an input, model or folder that cannot be used.
 */
export async function predict(
  input: string,
  model: SegmentationModel,
  out: string,
  options: PredictOptions = {},
): Promise<PredictSummary> {
  checkSegmentOptions(model.description, options);
  const { keepGoing = false, limit = Number.POSITIVE_INFINITY, shard = wholeWork, signal } = options;
  const source = await openFrames(input, { acceptTruncated: keepGoing });
  const save = chooseOutputs(options.save, source);
  const settings = await settingsOf(input, model, save, options);
  const summaryPath = join(out, shard.count > 1 ? `predict-${shard.index}-of-${shard.count}.json` : 'predict.json');
  if (options.resume) await checkResumable(summaryPath, settings);

  const files = fileKinds(save, source);
  const video = save.includes('overlay') && source.kind === 'video';
  const finished = options.resume && (!video || files.includes('labels')) ? await finishedStems(out, files) : new Set();
  const selection = selectFrames(source, shard, limit);

  const views = { tile: options.tile, scales: options.scales, flip: options.flip };
  const pool = await createPool(model, { ...views, confidence: save.includes('confidence') }, selection.count);
  const times: Record<Stage, number> = { decode: 0, prepare: 0, inference: 0, labels: 0, render: 0, write: 0 };
  const failed: FrameFailure[] = [];
  let frames = 0;
  let resumed = 0;
  const started = performance.now();
  const summary = (complete: boolean, interrupted: boolean): PredictSummary => {
    const seconds = (performance.now() - started) / 1000;
    const fresh = frames - resumed;
    return {
      ...settings,
      complete,
      interrupted,
      frames,
      resumed,
      failed,
      width: source.width ?? null,
      height: source.height ?? null,
      frameRate: source.frameRate ? source.frameRate.numerator / source.frameRate.denominator : null,
      sessions: pool.sessions,
      threads: pool.threads,
      seconds: rounded(seconds),
      fps: rounded(fresh / seconds),
      stages: perFrame(times, fresh),
    };
  };
  const report = () => {
    frames++;
    options.onProgress?.({ done: frames, total: selection.count });
  };

  let overlays: VideoWriter | undefined;
  try {
    for (const folder of [out, ...files.map((kind) => join(out, kind))]) await ensureFolder(folder);
    await writeFileWhole(summaryPath, formatSummary(summary(false, false)));
    const decoded = source.frames({
      wanted(index, stem) {
        if (!selection.has(index)) return false;
        if (!finished.has(stem) || video) return true;
        resumed++;
        report();
        return false;
      },
      onBad(stem, error) {
        if (!keepGoing) return 'throw';
        const failure = { stem, reason: messageOf(error) };
        failed.push(failure);
        options.onFailure?.(failure);
        return 'skip';
      },
    });
    const inOrder = timedUntil(decoded, selection.last, (milliseconds) => {
      times.decode += milliseconds;
    });
    for await (const overlay of mapOrdered(inOrder, pool.sessions + 2, finishFrame, signal)) {
      if (overlay) {
        const start = performance.now();
        overlays ??= await createOverlayVideo(out, source, overlay);
        await overlays.write(overlay);
        times.write += performance.now() - start;
      }
      report();
    }
    await overlays?.close();
  } catch (thrown) {
    await overlays?.abort();
    throw thrown;
  } finally {
    await pool.release();
  }
  const interrupted = signal?.aborted ?? false;
  const result = summary(!interrupted && failed.length === 0, interrupted);
  await writeFileWhole(summaryPath, formatSummary(result));
  return result;

  /** Segments, draws and writes one frame; gives what the overlay video shows of it. */
  async function finishFrame({ stem, image }: Frame): Promise<RgbImage | undefined> {
    const done = finished.has(stem);
    if (done) resumed++;
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

/** Stems of the frames all of whose files are in `out`. */
async function finishedStems(out: string, kinds: readonly OutputKind[]): Promise<Set<string>> {
  let stems: Set<string> | undefined;
  for (const kind of kinds) {
    const extension = extensionOf(kind);
    const names = await readdir(join(out, kind)).catch(() => []);
    const here = names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
    stems = new Set(here.filter((stem) => !stems || stems.has(stem)));
  }
  return stems ?? new Set();
}

/** The frames a run is responsible for. */
interface Selection {
  has(index: number): boolean;
  /** How many there are, when the input says. */
  readonly count: number | undefined;
  /** The index of the last one; -1 when there is none. */
  readonly last: number;
}

/** The first `limit` frames of the shard's clips. */
function selectFrames(source: FrameSource, shard: Shard, limit: number): Selection {
  if (source.kind === 'video') {
    const last = inShard(0, shard) ? limit - 1 : -1;
    const count = last < 0 ? 0 : source.count && Math.min(source.count, limit);
    return { has: (index) => index <= last, count, last };
  }
  const indices: number[] = [];
  for (const [number, { first, count = 0 }] of source.clips.entries()) {
    if (!inShard(number, shard)) continue;
    for (let index = first; index < first + count && indices.length < limit; index++) indices.push(index);
  }
  const chosen = new Set(indices);
  return { has: (index) => chosen.has(index), count: indices.length, last: indices.at(-1) ?? -1 };
}

/** The frames up to index `last`; what comes after is not read. Reports how long each took to come. */
async function* timedUntil(
  frames: AsyncGenerator<Frame, void, void>,
  last: number,
  onTime: (milliseconds: number) => void,
): AsyncGenerator<Frame, void, void> {
  if (last < 0) return;
  try {
    for (;;) {
      const start = performance.now();
      const next = await frames.next();
      onTime(performance.now() - start);
      if (next.done) return;
      yield next.value;
      if (next.value.index >= last) return;
    }
  } finally {
    await frames.return();
  }
}

/** The overlay video: size and frame rate are those of the input. */
async function createOverlayVideo(out: string, source: FrameSource, first: RgbImage): Promise<VideoWriter> {
  if (!source.frameRate) throw new SteadysegError(`${source.description}: expected a video with a frame rate`);
  const { width, height } = first;
  return createVideoWriter(join(out, 'overlay.mp4'), { width, height, frameRate: source.frameRate });
}

async function settingsOf(
  input: string,
  model: SegmentationModel,
  save: readonly OutputKind[],
  { tile, scales, flip }: PredictOptions,
): Promise<Settings> {
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
    save,
  };
}

/** @throws SteadysegError when the folder holds the results of other settings. */
async function checkResumable(path: string, settings: Settings): Promise<void> {
  if (!(await exists(path))) return;
  let earlier: Record<string, unknown>;
  try {
    earlier = JSON.parse(new TextDecoder().decode(await readFileBounded(path, MAX_SUMMARY_BYTES)));
  } catch (thrown) {
    throw new SteadysegError(`${path}: expected the record of an earlier run to resume: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const other = Object.entries(settings).find(
    ([name, value]) => name !== 'device' && JSON.stringify(earlier[name]) !== JSON.stringify(value),
  );
  if (!other) return;
  const [name, value] = other;
  throw new SteadysegError(
    `${path}: expected the same ${name} as in the run to resume, ${JSON.stringify(earlier[name])}, found ${JSON.stringify(value)}: use another folder, or run without --resume`,
  );
}

function perFrame(times: Readonly<Record<Stage, number>>, frames: number): Record<Stage, number> {
  const mean = (stage: Stage) => rounded(times[stage] / Math.max(1, frames));
  return {
    decode: mean('decode'),
    prepare: mean('prepare'),
    inference: mean('inference'),
    labels: mean('labels'),
    render: mean('render'),
    write: mean('write'),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function formatSummary(summary: PredictSummary): string {
  return `${JSON.stringify(summary, null, 2)}\n`;
}
