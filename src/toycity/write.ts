// Writes a toy city dataset in the Cityscapes layout: pictures, labels, flow and occlusion of every frame, and a manifest.
import { rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import { SteadysegError, UsageError } from '../base/errors.js';
import { exists, readFileBounded, writeAside, writeFileWhole } from '../base/files.js';
import { lockFolder } from '../base/lock.js';
import { isWritten } from '../base/outputFile.js';
import type { OnProgress } from '../base/progress.js';
import { flowPath } from '../flow/path.js';
import { formatFlo } from '../media/flo.js';
import type { LabelMap } from '../media/image.js';
import { encodeNoisyPicture, encodeRuns } from '../media/png.js';
import { deriveSeed } from '../tensor/random.js';
import { frameRate } from './camera.js';
import { type ClipOptions, checkClipOptions, createClipRenderer } from './render.js';

/** What `writeToyCity` takes. */
export interface ToyCityOptions {
  /** Folder of the dataset; created. */
  readonly out: string;
  /** Clips in all, and how many of them make up the split `val`. */
  readonly clips: number;
  readonly valClips: number;
  /** Frames a clip. */
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly seed: number;
  /** Share of a frame's time that the shutter is open, 0..1. Default 0. */
  readonly motionBlur?: number;
  /** Whether flow and occlusion are written. Default true. */
  readonly flow?: boolean;
  /** Whether files are replaced that are not those of this toy city. */
  readonly overwrite?: boolean | undefined;
  /** Clips rendered at the same time. Default: one a core. The files do not depend on it. */
  readonly threads?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** What the manifest says; the same options give the same bytes. */
export interface ToyCityManifest {
  readonly generator: 'steadyseg toycity';
  readonly version: 1;
  readonly seed: number;
  readonly framesPerClip: number;
  readonly height: number;
  readonly width: number;
  readonly frameRate: number;
  readonly motionBlur: number;
  readonly flow: boolean;
  readonly clips: readonly {
    readonly split: Split;
    readonly city: string;
    readonly sequence: string;
    readonly seed: number;
  }[];
}

/** What was written, and how long it took. */
export interface ToyCityResult {
  readonly manifest: ToyCityManifest;
  readonly frames: number;
  /** Milliseconds a frame that rendering, and encoding and writing, took within a worker. */
  readonly renderMilliseconds: number;
  readonly writeMilliseconds: number;
}

/** One clip's work in a worker. */
export interface ClipTask {
  readonly out: string;
  readonly split: Split;
  readonly city: string;
  readonly sequence: string;
  readonly clip: ClipOptions;
  readonly flow: boolean;
  readonly overwrite: boolean;
  /** Two shared numbers: the frames written, and whether a clip has failed, so that the others stop. */
  readonly shared: Int32Array;
}

export interface ClipTimes {
  readonly renderMilliseconds: number;
  readonly writeMilliseconds: number;
}

type Split = 'train' | 'val';

/** The manifest's name in the dataset's folder. */
export const toyCityManifestName = 'toycity.json';

/** The same while it is being written: a run that was cut short is finished by one of the same options, not mixed with another. */
const begunName = '.toycity-begun.json';

/** Milliseconds between two reports of progress. */
const PROGRESS_INTERVAL = 200;
/** Names have six digits for the clip. */
const MAX_CLIPS = 1_000_000;
const MAX_MANIFEST_BYTES = 1 << 28;
const cities: Record<Split, string> = { train: 'toytown', val: 'toyville' };

/**
 * Renders and writes the dataset:
 * `leftImg8bit_sequence/<split>/<city>/<city>_<sequence>_<frame>_leftImg8bit.png`,
 * `gtFine/…_gtFine_labelTrainIds.png` for every frame, `flow/<split>/<city>/` as a flow folder (`<stem of t>.flo` is
 * t→t+1, `backward/<stem of t>.flo` t+1→t), `occlusion/…` alike (255 where the point is hidden in the other frame),
 * and at last `toycity.json`. Clips of `train` do not change with the number of clips in `val`, and conversely.
 * What an earlier run of the same options left stays.
 * @throws UsageError for options out of range, SteadysegError when the folder holds another toy city, or another file in
 * the place of one of this, or cannot be written.
 */
export async function writeToyCity(options: ToyCityOptions): Promise<ToyCityResult> {
  const { out, clips, valClips, frames, height, width, seed, motionBlur = 0, flow = true, overwrite = false } = options;
  if (!Number.isInteger(clips) || clips < 1 || clips > MAX_CLIPS) {
    throw new UsageError(`toy city: expected 1 to ${MAX_CLIPS} clips, found ${clips}`);
  }
  if (!Number.isInteger(valClips) || valClips < 0 || valClips > clips) {
    throw new UsageError(
      `toy city: expected 0 to ${clips} of the ${clips} clips to be held for val, found ${valClips}`,
    );
  }
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const tasks: ClipTask[] = (['train', 'val'] as const).flatMap((split) =>
    Array.from({ length: split === 'val' ? valClips : clips - valClips }, (_, index) => ({
      out,
      split,
      city: cities[split],
      sequence: String(index).padStart(6, '0'),
      clip: { seed: toyCityClipSeed(seed, split, index), frames, height, width, motionBlur },
      flow,
      overwrite,
      shared,
    })),
  );
  const manifest: ToyCityManifest = {
    generator: 'steadyseg toycity',
    version: 1,
    seed,
    framesPerClip: frames,
    height,
    width,
    frameRate,
    motionBlur,
    flow,
    clips: tasks.map(({ split, city, sequence, clip }) => ({ split, city, sequence, seed: clip.seed })),
  };
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
  // Wrong sizes are told here, not by a worker.
  checkClipOptions({ seed, frames, height, width, motionBlur });
  const lock = await lockFolder(join(out, '.toycity.lock'), 'rendering a toy city into this folder');
  try {
    const [whole, begun] = [join(out, toyCityManifestName), join(out, begunName)];
    if (!overwrite) for (const path of [whole, begun]) await refuseOther(path, text);
    await writeFileWhole(begun, text);
    const times = await writeClips(tasks, shared, options);
    await writeFileWhole(whole, text);
    await rm(begun, { force: true });
    return { manifest, ...times };
  } finally {
    await lock.release();
  }
}

/** Renders and writes the clips in threads. */
async function writeClips(
  tasks: readonly ClipTask[],
  shared: Int32Array,
  options: ToyCityOptions,
): Promise<Omit<ToyCityResult, 'manifest'>> {
  const { clips, frames, onProgress } = options;
  const threads = Math.min(options.threads ?? availableParallelism(), tasks.length);
  const pool = new Piscina<ClipTask, ClipTimes | { error: string }>({
    filename: new URL('./writeWorker.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
  });
  const total = clips * frames;
  const report = () => onProgress?.({ done: Atomics.load(shared, 0), total });
  const timer = setInterval(report, PROGRESS_INTERVAL);
  let [render, write] = [0, 0];
  try {
    for (const times of await Promise.all(tasks.map((task) => pool.run(task)))) {
      if ('error' in times) throw new SteadysegError(times.error);
      render += times.renderMilliseconds;
      write += times.writeMilliseconds;
    }
    report();
  } finally {
    clearInterval(timer);
    await pool.destroy();
  }
  return { frames: total, renderMilliseconds: render / total, writeMilliseconds: write / total };
}

/** The seed of clip `index` of a split: what `createClipRenderer` takes to render the same clip in memory. */
export function toyCityClipSeed(seed: number, split: Split, index: number): number {
  return deriveSeed(seed, 'toycity', split, index);
}

/** A folder with another toy city would become a mixture of both. */
async function refuseOther(path: string, text: string): Promise<void> {
  if (!(await exists(path))) return;
  const found = new TextDecoder().decode(await readFileBounded(path, MAX_MANIFEST_BYTES));
  if (found !== text) {
    throw new SteadysegError(
      `${path}: expected no toy city or one of the same options, found one of other options, perhaps unfinished; choose another folder`,
    );
  }
}

/** Renders and writes one clip; runs in a worker. */
export async function writeClip(task: ClipTask): Promise<ClipTimes> {
  const { out, split, city, sequence, clip, flow, overwrite, shared } = task;
  const renderer = createClipRenderer(clip);
  let [render, write] = [0, 0];
  const stemOf = (t: number) => `${city}_${sequence}_${String(t).padStart(6, '0')}`;
  const encodeMap = ({ width, height, data }: LabelMap) => encodeRuns(width, height, data);
  const file = async (path: string, bytes: Uint8Array) => {
    if (overwrite || !(await isWritten(path, bytes)))
      await writeAside(path, (temporary) => writeFile(temporary, bytes));
  };
  for (let t = 0; t < clip.frames && Atomics.load(shared, 1) === 0; t++) {
    const started = performance.now();
    const wants = { toNext: flow && t + 1 < clip.frames, toPrevious: flow && t > 0 };
    const { image, labels, toNext, toPrevious } = renderer.frame(t, wants);
    const rendered = performance.now();
    render += rendered - started;
    const folder = join(split, city);
    const files = [
      file(
        join(out, 'leftImg8bit_sequence', folder, `${stemOf(t)}_leftImg8bit.png`),
        encodeNoisyPicture(image.width, image.height, image.data),
      ),
      file(join(out, 'gtFine', folder, `${stemOf(t)}_gtFine_labelTrainIds.png`), encodeMap(labels)),
    ];
    for (const [motion, direction, first] of [
      [toNext, 'forward', t],
      [toPrevious, 'backward', t - 1],
    ] as const) {
      if (!motion) continue;
      const stem = `${stemOf(first)}_leftImg8bit`;
      files.push(file(flowPath(join(out, 'flow', folder), stem, direction), formatFlo(motion.flow)));
      const mask = flowPath(join(out, 'occlusion', folder), stem, direction).replace(/\.flo$/, '.png');
      files.push(file(mask, encodeMap(motion.hidden)));
    }
    // All are waited for: a thread that ends would leave the others' temporary files.
    for (const result of await Promise.allSettled(files)) if (result.status === 'rejected') throw result.reason;
    write += performance.now() - rendered;
    Atomics.add(shared, 0, 1);
  }
  return { renderMilliseconds: render, writeMilliseconds: write };
}
