// Everything at once on what ships: renders streets, segments them with two networks, measures, and shows the difference.
import { join } from 'node:path';
import { ensureFolder, writeFileWhole } from '../base/files.js';
import type { Progress } from '../base/progress.js';
import { writeAnimation } from '../media/animation.js';
import { presetClasses } from '../media/classes.js';
import { compare } from '../media/compare.js';
import { openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { createVideoWriter } from '../media/videoWriter.js';
import { writeReport } from '../report/report.js';
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
  /** Threads of the networks; default: one a core. */
  readonly threads?: number | undefined;
  /** Called as each stage goes on. */
  readonly onProgress?: ((stage: DemoStage, progress: Progress) => void) | undefined;
}

/** What the demo is at, in this order. */
export type DemoStage = 'measure' | 'render' | 'segment' | 'compare';

/** The animated picture: a page loads it whole. */
const MAX_PICTURE_BYTES = 2_000_000;
/** It shows every second frame of at most this many. */
const PICTURE_FRAMES = 50;
const PICTURE_STEP = 2;

/**
 * Runs the demo. Writes into `out`: `report.html`, `compare.mp4` (split along the diagonal), `flicker.png`, `clip.mp4`,
 * the results of `predict` in `plain/` and `steady/` (with `overlay.mp4`), and `demo.json` with all figures.
 * @throws SteadysegError when a network is not there or does not fit, or the folder cannot be written.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { out, clips = heldClips, shown = shownClip, threads, onProgress } = options;
  const started = performance.now();
  const classes = presetClasses('toycity');
  const paths = [
    options.plain ?? (await shippedModelPath('toycity-plain')),
    options.steady ?? (await shippedModelPath('toycity-steady')),
  ];
  const models: SegmentationModel[] = [];
  for (const path of paths) models.push(await loadModel(path, { classes, threads }));
  const [plain, steady] = models;
  await ensureFolder(out);
  const within = (...names: string[]) => join(out, ...names);
  const file = {
    report: within('report.html'),
    comparison: within('compare.mp4'),
    overlays: [within('plain', 'overlay.mp4'), within('steady', 'overlay.mp4')] as const,
    flicker: within('flicker.png'),
    clip: within('clip.mp4'),
    figures: within('demo.json'),
    ...(options.picture !== undefined && { picture: options.picture }),
  };
  try {
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
    await renderVideo(shown, file.clip, (progress) => onProgress?.('render', progress));
    starts('segment', models.length * shown.frames);
    for (const [k, [model, name]] of ([[plain, 'plain'] as const, [steady, 'steady'] as const] as const).entries()) {
      await predict(file.clip, model, within(name), {
        onProgress: ({ done }) =>
          onProgress?.('segment', { done: k * shown.frames + done, total: models.length * shown.frames }),
      });
    }
    starts('compare', shown.frames);
    const comparison = await compare(within('plain'), within('steady'), {
      out: file.comparison,
      flicker: file.flicker,
      frames: file.clip,
      classes,
      nameA: demoNetworks[0],
      nameB: demoNetworks[1],
      onProgress: (progress) => onProgress?.('compare', progress),
    });
    const flicker = [comparison.flicker?.a ?? Number.NaN, comparison.flicker?.b ?? Number.NaN] as const;
    if (options.picture !== undefined) await writePictureOf(file.comparison, options.picture);
    const seconds = (performance.now() - started) / 1000;
    const result = { measurement, flicker, seconds, files: file };
    await writeReport(file.report, await demoReport({ result, shown, segments, classes, models: paths }));
    await writeFileWhole(file.figures, `${JSON.stringify({ ...result, models: paths }, null, 2)}\n`);
    return result;
  } finally {
    for (const model of models) await model.release();
  }
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
