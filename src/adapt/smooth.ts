// Predicts by the consensus of a network along the flow: steadier than any frame alone, and only for videos that are there whole.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InterruptedError, UsageError } from '../base/errors.js';
import { openFlowSource } from '../flow/open.js';
import { type FrameSource, openFrames } from '../media/frames.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { inputSize } from '../segment/inputSize.js';
import type { SegmentationModel } from '../segment/model.js';
import { type PredictOptions, type PredictSummary, predict } from '../segment/predict.js';
import { resizedArgmax } from '../segment/scores.js';
import { onnxStudent } from '../train/openStudent.js';
import { prepareClip } from './clip.js';
import { closeClipFiles, type PreparedClip } from './clipFiles.js';
import { openPredictor } from './predictor.js';
import { claimWorkFolder } from './workFolder.js';

/** What `predictSmoothed` takes: of `PredictOptions` what is of whole videos. */
export interface SmoothOptions extends PredictOptions {
  /** Frames on either side that each frame is seen with; 1 to 16. */
  readonly reach: number;
  /** As `evaluate tc` takes it; default `dis`. */
  readonly flow?: string | undefined;
  /** Told when frames are read, when the consensus is formed, and when results are written. */
  readonly onStage?: ((stage: 'frames' | 'consensus' | 'results') => void) | undefined;
}

/** Farther frames show little of the same, and their flow is chained from too many parts. */
const MAX_REACH = 16;

/**
 * As `predict`, but the label of a pixel is that of the mean of its probabilities in the frames around it, brought to it along
 * the optical flow wherever they show it (SPEC section 9). This is no per-frame inference: each frame needs those after it.
 * Frames, probabilities and flow lie on disk beside the output while it works (`OUT.smooth/`).
 *
 * @throws UsageError for options that do not go together, and a network whose classes do not exclude each other;
 * InterruptedError when the signal ended it; whatever `predict` throws.
 */
export async function predictSmoothed(
  input: string,
  model: SegmentationModel,
  out: string,
  { reach, flow: flowName = 'dis', onStage, ...options }: SmoothOptions,
): Promise<PredictSummary> {
  checkOptions(input, reach, options);
  checkNetwork(model);
  const source = await openFrames(input, { onNote: options.onNote });
  if (source.isStream) throw new UsageError(`${input}: expected a whole video to smooth, found one that comes once`);
  const student = await onnxStudent(model.content, { classes: model.classes }, model.description);
  const size = inputSize(model.description, await firstImage(source));
  const { threads, device } = model.sessionOptions;
  const work = `${out}.smooth`;
  const lock = await claimWorkFolder(work, 'smoothing', true, {
    doing: 'smoothing into this folder',
    kind: 'smoothing',
  });
  const began = performance.now();
  const closers = [() => lock.release(), () => rm(work, { recursive: true, force: true })];
  try {
    const flow = await openFlowSource(flowName, { threads, device, cache: false });
    closers.push(() => flow.close());
    const predictor = await openPredictor(student, student.weights, size, { gives: 'probabilities', threads, device });
    let stage: Parameters<NonNullable<typeof onStage>>[0] | undefined;
    const clip = await prepareClip({
      ...{ sources: [source], ...size, classes: student.classes.count, limit: options.limit },
      ...{ predictor, flow, reach, threads, temperature: 1, folder: join(work, 'clip'), signal: options.signal },
      onFrame(done, now) {
        if (now !== stage) onStage?.(now);
        stage = now;
        options.onProgress?.({ done, total: source.count && Math.min(source.count, options.limit ?? source.count) });
      },
    }).finally(() => predictor.close());
    closers.push(() => closeClipFiles(clip.files));
    options.onNote?.(`the consensus took ${((performance.now() - began) / 1000).toFixed(1)} s`);
    onStage?.('results');
    const name = `consensus with ${reach === 1 ? '1 frame' : `${reach} frames`} on either side along ${flow.name}`;
    const summary = await predict(input, model, out, {
      ...options,
      own: { name, labels: (index, frame) => labelsOf(clip, index, frame, model.description.enlargement) },
    });
    if (!summary.interrupted) return summary;
    throw new InterruptedError(`interrupted after ${summary.frames} frames, which the same command writes again`);
  } catch (thrown) {
    if (!options.signal?.aborted || thrown instanceof InterruptedError) throw thrown;
    throw new InterruptedError('interrupted before the first result; nothing was written', { cause: thrown });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** @throws UsageError for what a consensus has no place for. */
function checkOptions(input: string, reach: number, options: PredictOptions): void {
  if (!Number.isInteger(reach) || reach < 1 || reach > MAX_REACH) {
    throw new UsageError(`smooth: expected 1 to ${MAX_REACH} frames on either side, found ${reach}`);
  }
  const { tile, scales, flip, every = 1, from, to, shard, save, keepGoing, resume, raw } = options;
  const found = Object.entries({
    ...{ tile, scales, flip: flip || undefined, from, to, raw },
    ...{ every: every > 1 || undefined, keepGoing: keepGoing || undefined, resume: resume || undefined },
    ...{ shard: (shard && shard.count > 1) || undefined, confidence: save?.includes('confidence') || undefined },
  }).find(([, value]) => value !== undefined);
  if (found)
    throw new UsageError(
      `${input}: smoothing looks at whole frames of a whole video: expected no ${found[0]}, found it`,
    );
}

/** @throws UsageError for a network whose probabilities are not of classes that exclude each other. */
function checkNetwork({ description: { source, output } }: SegmentationModel): void {
  if (output.channels !== 1 && output.background === undefined) return;
  throw new UsageError(
    `${source}: expected classes that exclude each other to smooth, found that those of the output "${output.name}" do not`,
  );
}

async function firstImage(source: FrameSource): Promise<RgbImage> {
  for await (const { image } of source.frames()) return image;
  throw new UsageError(`${source.input}: expected frames, found none`);
}

/** The consensus of a frame, enlarged to it as the network's scores are. */
async function labelsOf(
  clip: PreparedClip,
  index: number,
  { height, width }: RgbImage,
  enlargement: SegmentationModel['description']['enlargement'],
): Promise<LabelMap> {
  const { classes, files } = clip;
  if (clip.height === height && clip.width === width) {
    return { height, width, data: await files.consensus.read(index) };
  }
  const bytes = await files.targets.read(index);
  const pixels = clip.height * clip.width;
  const data = Float32Array.from(
    { length: bytes.length },
    (_, i) => bytes[(i % pixels) * classes + Math.floor(i / pixels)],
  );
  const scores = { classes, height: clip.height, width: clip.width, data, enlargement };
  return { height, width, data: resizedArgmax(scores, height, width) };
}
