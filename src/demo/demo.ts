// The main job in one go: a network, a video, the network adapted to it, and both measured and shown beside each other.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { adapt } from '../adapt/adapt.js';
import type { AdaptEstimate, AdaptStage } from '../adapt/estimate.js';
import type { AdaptOptions } from '../adapt/openAdaptation.js';
import { UsageError } from '../base/errors.js';
import { type OutputFolder, openOutputFolder } from '../base/outputFolder.js';
import type { OnProgress, Progress } from '../base/progress.js';
import { wholeWork } from '../base/shard.js';
import { digestOf } from '../base/written.js';
import { openFlowSource } from '../flow/open.js';
import type { FlowSource } from '../flow/source.js';
import { writeAnimation } from '../media/animation.js';
import { presetClasses, sameNames } from '../media/classes.js';
import { compare } from '../media/compare.js';
import { openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import { renderReport } from '../report/report.js';
import { describeNetwork } from '../segment/describeNetwork.js';
import { findNetwork } from '../segment/findNetwork.js';
import { loadModel } from '../segment/loadModel.js';
import { predict } from '../segment/predict.js';
import { defaultModel, shippedModelPath } from '../segment/shipped.js';
import { optionsOf } from '../segment/understanding.js';
import type { ClipOptions } from '../toycity/render.js';
import { measureBoth } from './measure.js';
import { ownClip, renderClip } from './ownClip.js';
import { demoReport } from './report.js';
import { type DemoResult, demoSides } from './result.js';

/** What `runDemo` takes: what `adapt` does, but for what follows from the folder. */
export interface DemoOptions extends Omit<AdaptOptions, 'inputs' | 'model' | 'out' | 'resume' | 'onProgress'> {
  /** Folder of everything that is written; created. */
  readonly out: string;
  /** A video or frames. Default: a street of the toy city, whose exact labels and flow are known. */
  readonly input?: string | undefined;
  /** The network (.onnx). Default: the one that ships for such pictures. */
  readonly model?: string | undefined;
  /** The street, without an input. Default `ownClip`. */
  readonly clip?: ClipOptions | undefined;
  /** Also write the comparison as an animated picture (.webp) of at most 2 MB. */
  readonly picture?: string | undefined;
  /** Whether files in the folder are replaced that no run is known to have written. */
  readonly overwrite?: boolean | undefined;
  /** Called as each stage goes on. */
  readonly onProgress?: ((stage: DemoStage, progress: Progress) => void) | undefined;
  readonly onEstimate?: ((estimate: AdaptEstimate) => void) | undefined;
}

/** What the demo is at, in this order; a street is rendered only where there is no input. */
export type DemoStage = 'render' | AdaptStage | 'segment' | 'measure' | 'compare';

/** What fits into three minutes on two cores, with a network of the size of the one that ships. */
export const demoSteps = 220;
/** Frames of a given input. */
export const demoFrames = 60;

/** Colours rather than the street: what changes is to be seen. */
const OPACITY = 0.7;

/** Files of the folder, besides the two results of `predict`. */
const names = {
  clip: 'clip.mp4',
  model: 'adapted.onnx',
  comparison: 'compare.mp4',
  flicker: 'flicker.png',
  report: 'report.html',
} as const;

/** The animated picture: a page loads it whole. */
const MAX_PICTURE_BYTES = 2_000_000;
/** It shows every second frame of at most this many. */
const PICTURE_FRAMES = 50;
const PICTURE_STEP = 2;

/**
 * Runs the demo. Writes into `out`: `adapted.onnx`, `report.html`, `compare.mp4` (before | after), `flicker.png`, the results of
 * `predict` in `before/` and `after/`, `demo.json` with all figures, and without an input the street, `clip.mp4`.
 * @throws SteadysegError for an input or a network that cannot be used, and where a file would replace one of the user's; UsageError for a network that is not for the toy city, without an input;
 * InterruptedError when the signal ended it.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { out, input, clip = ownClip, picture, overwrite, threads, device, onProgress, signal, ...others } = options;
  const { limit = input === undefined ? clip.frames : demoFrames, steps = demoSteps } = options;
  const started = performance.now();
  const model = options.model ?? (await shippedModelPath(input === undefined ? 'toycity-plain' : defaultModel));
  const described = { ...others, threads, device };
  const original = describeNetwork(await findNetwork(model), described);
  if (input === undefined && !sameNames(original.classes.classes, presetClasses('toycity').classes)) {
    throw new UsageError(`${model}: expected a video with a network that is not for the toy city, found none`);
  }
  const within = (name: string) => join(out, name);
  const files = {
    model: within(names.model),
    report: within(names.report),
    comparison: within(names.comparison),
    flicker: within(names.flicker),
    before: within('before'),
    after: within('after'),
    figures: within('demo.json'),
    ...(picture !== undefined && { picture }),
  };
  const told =
    (stage: DemoStage): OnProgress =>
    (progress) =>
      onProgress?.(stage, progress);

  await checkSingleOutputs([picture], [model, input]);
  const work = 'running the demo in this folder';
  const folder = await openOutputFolder(out, { name: 'demo', work, shard: wholeWork, settings: {}, overwrite });
  // What takes time is made in here before it takes its place.
  const aside = within('.demo');
  let flow: FlowSource | undefined;
  try {
    await folder.checkFree(Object.values(names).filter((name) => name !== names.clip || input === undefined));
    await rm(aside, { recursive: true, force: true });
    const rendered = input === undefined ? await renderClip(clip, aside, told('render')) : undefined;
    if (rendered) await place(folder, aside, names.clip);
    const video = input ?? within(names.clip);
    const adapted = await adapt({
      ...{ ...described, inputs: [video], model, out: join(aside, names.model), limit, steps, signal },
      onProgress: ({ stage, ...progress }) => onProgress?.(stage, progress),
      // It does not stay where it is made.
      onNote: (note) => options.onNote?.(note.replaceAll(aside, out)),
    });
    await place(folder, aside, names.model);
    const count = adapted.frames;
    for (const [k, side] of demoSides.entries()) {
      // What lies beside the original does not lie beside the adapted one.
      const network = await loadModel(side === 'before' ? model : files.model, {
        ...optionsOf(original),
        threads,
        device,
      });
      const done = (progress: Progress) => ({ done: k * count + progress.done, total: demoSides.length * count });
      await predict(video, network, files[side], {
        ...{ save: ['labels', 'color', 'overlay'], limit: count, overwrite, signal },
        onProgress: (progress) => told('segment')(done(progress)),
      }).finally(() => network.release());
    }
    signal?.throwIfAborted();
    flow = rendered?.flow ?? (await openFlowSource(options.flow ?? 'dis', { threads }));
    const { classes } = adapted;
    const measured = await measureBoth({
      ...{
        frames: video,
        limit: count,
        before: files.before,
        after: files.after,
        labels: rendered?.labels,
        flow,
        classes,
        threads,
      },
      onProgress: told('measure'),
    });
    const [nameA, nameB] = demoSides;
    await compare(files.before, files.after, {
      ...{
        out: join(aside, names.comparison),
        flicker: join(aside, names.flicker),
        frames: video,
        limit: count,
        classes,
        signal,
      },
      ...{ layout: 'side-by-side', legend: 'below', opacity: OPACITY, nameA, nameB, onProgress: told('compare') },
    });
    for (const name of [names.comparison, names.flicker]) await place(folder, aside, name);
    if (picture !== undefined) await writePictureOf(files.comparison, picture);
    const result: DemoResult = {
      ...{ adapted: adapted.adapted, model, input: video, frames: count, ...measured },
      ...{ agreement: adapted.after.agreement, flow: flow.name, steps: adapted.steps, classes, files },
      seconds: (performance.now() - started) / 1000,
    };
    const report = renderReport(await demoReport(result, flow));
    await folder.write({ unit: names.report, source: digestOf(names.report), files: { [names.report]: report } });
    await folder.record(result);
    return result;
  } finally {
    await flow?.close();
    await rm(aside, { recursive: true, force: true });
    await folder.close();
  }
}

/** Takes a file that was made aside into the folder. */
async function place(folder: OutputFolder, aside: string, name: string): Promise<void> {
  await folder.adopt(name, digestOf(name), name, join(aside, name));
}

/** The beginning of a video as an animated picture, at half its frame rate. */
async function writePictureOf(video: string, path: string): Promise<void> {
  const images: RgbImage[] = [];
  const source = await openFrames(video);
  const frames = source.frames({ wanted: (index) => index % PICTURE_STEP === 0 && index < PICTURE_FRAMES });
  for await (const { image } of frames) images.push({ ...image, data: image.data.slice() });
  const { numerator, denominator } = source.frameRate ?? { numerator: 25, denominator: 1 };
  const framesPerSecond = numerator / denominator / PICTURE_STEP;
  await writeAnimation(path, images, { framesPerSecond, maxBytes: MAX_PICTURE_BYTES });
}
