// Everything at once on what ships: renders streets, segments them with two networks, measures, and shows the difference.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkNotRead, linkedPath } from '../base/outputFile.js';
import { type OutputFolder, openOutputFolder } from '../base/outputFolder.js';
import type { Progress } from '../base/progress.js';
import { wholeWork } from '../base/shard.js';
import { digestOf } from '../base/written.js';
import { writeAnimation } from '../media/animation.js';
import { presetClasses } from '../media/classes.js';
import { compare } from '../media/compare.js';
import { openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { createVideoWriter } from '../media/videoWriter.js';
import { renderReport } from '../report/report.js';
import { loadModel } from '../segment/loadModel.js';
import type { SegmentationModel } from '../segment/model.js';
import { predict } from '../segment/predict.js';
import { shippedModelPath } from '../segment/shipped.js';
import { frameRate } from '../toycity/camera.js';
import { type ClipOptions, createClipRenderer } from '../toycity/render.js';
import { demoNetworks, heldClips, shownClip } from './clips.js';
import { measureClips } from './measure.js';
import { demoReport } from './report.js';
import type { DemoResult } from './result.js';

/** What `runDemo` takes. */
export interface DemoOptions {
  /** Folder of everything that is written; created. */
  readonly out: string;
  /** Networks for the toy city: trained on each frame alone, and for steadiness. Default: those that ship. */
  readonly plain?: string | undefined;
  readonly steady?: string | undefined;
  /** Also write the beginning of the comparison as an animated picture (.webp) of at most 2 MB. */
  readonly picture?: string | undefined;
  /** The clips that are measured, and the one that is shown. Default: `heldClips`, `shownClip`. */
  readonly clips?: readonly ClipOptions[] | undefined;
  readonly shown?: ClipOptions | undefined;
  /** Whether files in the folder are replaced that no run is known to have written. */
  readonly overwrite?: boolean | undefined;
  /** Threads of the networks; default: one a core. */
  readonly threads?: number | undefined;
  /** Called as each stage goes on. */
  readonly onProgress?: ((stage: DemoStage, progress: Progress) => void) | undefined;
}

/** What the demo is at, in this order. */
export type DemoStage = 'measure' | 'render' | 'segment' | 'compare';

const [reportName, comparisonName, flickerName, clipName] = ['report.html', 'compare.mp4', 'flicker.png', 'clip.mp4'];

/** The animated picture: a page loads it whole. */
const MAX_PICTURE_BYTES = 2_000_000;
/** It shows every second frame of at most this many. */
const PICTURE_FRAMES = 50;
const PICTURE_STEP = 2;

/**
 * Runs the demo. Writes into `out`: `report.html`, `compare.mp4` (split along the diagonal), `flicker.png`, `clip.mp4`,
 * the results of `predict` in `plain/` and `steady/` (with `overlay.mp4`), and `demo.json` with all figures.
 * @throws SteadysegError when a network is not there or does not fit, a file would replace one of the user's, or the folder
 * cannot be written.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { out, clips = heldClips, shown = shownClip, threads, overwrite, onProgress } = options;
  const started = performance.now();
  const classes = presetClasses('toycity');
  const paths = [
    options.plain ?? (await shippedModelPath('toycity-plain')),
    options.steady ?? (await shippedModelPath('toycity-steady')),
  ];
  const models: SegmentationModel[] = [];
  for (const path of paths) models.push(await loadModel(path, { classes, threads }));
  const [plain, steady] = models;
  const within = (...names: string[]) => join(out, ...names);
  const file = {
    report: within(reportName),
    comparison: within(comparisonName),
    overlays: [within('plain', 'overlay.mp4'), within('steady', 'overlay.mp4')] as const,
    flicker: within(flickerName),
    clip: within(clipName),
    figures: within('demo.json'),
    ...(options.picture !== undefined && { picture: options.picture }),
  };
  if (file.picture !== undefined) {
    await linkedPath(file.picture);
    await checkNotRead(file.picture, paths);
  }
  const work = 'running the demo in this folder';
  const folder = await openOutputFolder(out, { name: 'demo', work, shard: wholeWork, settings: {}, overwrite });
  // Videos and pictures are made in here before they take their places.
  const aside = within('.demo');
  try {
    await folder.checkFree([reportName, comparisonName, flickerName, clipName]);
    await rm(aside, { recursive: true, force: true });
    const segments = models.map((model) => async (image: RgbImage) => (await model.segment(image)).labels);
    const starts = (stage: DemoStage, total: number) => onProgress?.(stage, { done: 0, total });
    const frames = clips.reduce((sum, clip) => sum + clip.frames, 0);
    starts('measure', frames);
    const measurement = await measureClips(
      clips,
      segments,
      classes.classes.length,
      counter(frames, (progress) => onProgress?.('measure', progress)),
    );
    starts('render', shown.frames);
    await renderVideo(shown, join(aside, clipName), (progress) => onProgress?.('render', progress));
    await place(folder, aside, clipName);
    starts('segment', models.length * shown.frames);
    for (const [k, [model, name]] of ([[plain, 'plain'] as const, [steady, 'steady'] as const] as const).entries()) {
      await predict(file.clip, model, within(name), {
        overwrite,
        onProgress: ({ done }) =>
          onProgress?.('segment', { done: k * shown.frames + done, total: models.length * shown.frames }),
      });
    }
    starts('compare', shown.frames);
    const comparison = await compare(within('plain'), within('steady'), {
      out: join(aside, comparisonName),
      flicker: join(aside, flickerName),
      frames: file.clip,
      classes,
      nameA: demoNetworks[0],
      nameB: demoNetworks[1],
      onProgress: (progress) => onProgress?.('compare', progress),
    });
    for (const name of [comparisonName, flickerName]) await place(folder, aside, name);
    const flicker = [comparison.flicker?.a ?? Number.NaN, comparison.flicker?.b ?? Number.NaN] as const;
    if (options.picture !== undefined) await writePictureOf(file.comparison, options.picture);
    const seconds = (performance.now() - started) / 1000;
    const result = { measurement, flicker, seconds, files: file };
    const report = renderReport(await demoReport({ result, shown, segments, classes, models: paths }));
    await folder.write({ unit: reportName, source: digestOf(reportName), files: { [reportName]: report } });
    await folder.record({ ...result, models: paths });
    return result;
  } finally {
    await rm(aside, { recursive: true, force: true });
    await folder.close();
    for (const model of models) await model.release();
  }
}

/** Takes a file that was made aside into the folder. */
async function place(folder: OutputFolder, aside: string, name: string): Promise<void> {
  await folder.adopt(name, digestOf(name), name, join(aside, name));
}

/** Renders a clip into a video, as a camera would give it. */
async function renderVideo(clip: ClipOptions, path: string, onProgress: (progress: Progress) => void): Promise<void> {
  const { width, height, frames } = clip;
  const renderer = createClipRenderer(clip);
  const writer = await createVideoWriter(path, { width, height, frameRate: { numerator: frameRate, denominator: 1 } });
  const report = counter(frames, onProgress);
  try {
    for (let t = 0; t < frames; t++) {
      await writer.write(renderer.frame(t).image);
      report();
    }
    await writer.close();
  } catch (thrown) {
    await writer.abort();
    throw thrown;
  }
}

/** The beginning of a video as an animated picture, at half its frame rate. */
async function writePictureOf(video: string, path: string): Promise<void> {
  const images: RgbImage[] = [];
  const source = await openFrames(video);
  const frames = source.frames({ wanted: (index) => index % PICTURE_STEP === 0 && index < PICTURE_FRAMES });
  for await (const { image } of frames) images.push({ ...image, data: image.data.slice() });
  await writeAnimation(path, images, { framesPerSecond: frameRate / PICTURE_STEP, maxBytes: MAX_PICTURE_BYTES });
}

function counter(total: number, onProgress: (progress: Progress) => void): () => void {
  let done = 0;
  return () => onProgress({ done: ++done, total });
}
