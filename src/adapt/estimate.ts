// What an adaptation will take: time, memory and disk, measured on the network and the clip's own first frames.
import { consensusThreads } from '#consensus';
import { type FlowSource, flowFrame } from '../flow/source.js';
import type { RgbImage, Size } from '../media/image.js';
import type { TrainingStep } from '../train/step.js';
import type { Student } from '../train/student.js';
import { spreadFrames } from './classShares.js';
import { bytesOnDisk, framePlanes } from './clip.js';
import { consensusReach } from './clipConsensus.js';
import { consensusOf } from './consensus.js';
import { defaultViews, openPredictor, type PredictorOptions } from './predictor.js';
import { roundsOf } from './rounds.js';
import { settledAfter, settledWeights } from './settledWeights.js';
import { anchorStep, openEmptyStep, pairStep, type TrainingOnClip } from './training.js';

/** Seconds of each part, of one frame or one step. */
export interface AdaptCosts {
  /** Reading what the network says of a frame and its mirror image, and the flow to the next one. */
  readonly frame: number;
  readonly consensus: number;
  /** Reading what the network says by now, and the consensus of that. */
  readonly renewal: number;
  readonly step: number;
  /** A step with weights that vanished as they are, which are 0 in the others. */
  readonly unsettledStep: number;
  readonly judgement: number;
}

/** What an adaptation will take in all. */
export interface AdaptEstimate {
  readonly costs: AdaptCosts;
  readonly frames: number;
  readonly steps: number;
  /** Seconds by stage. */
  readonly stages: Readonly<Record<AdaptStage, number>>;
  /** Seconds in all. */
  readonly seconds: number;
  /** Bytes on disk while it works. */
  readonly disk: number;
}

/** The stages of an adaptation, in order. */
export type AdaptStage = 'frames' | 'consensus' | 'steps' | 'renewal' | 'refinement' | 'choice' | 'judgement';

/** A part is measured so often at most, and for so many seconds at most; the first run, which also prepares, does not count. */
const timedRuns = 3;
const timedSeconds = 3;

/** What costs depend on. */
export interface CostOptions extends Pick<TrainingOnClip, 'device' | 'threads'>, Pick<PredictorOptions, 'views'> {
  /** Whether each step has a frame that must not be forgotten. */
  readonly keeps?: boolean | undefined;
  /** Frames in all, where that is known. */
  readonly frames?: number | undefined;
}

/** Runs every part a few times on the first frames; the shortest run counts, since what else goes on only adds to it. */
export async function measureCosts(
  student: Student,
  images: readonly RgbImage[],
  size: Size & { readonly classes: number },
  flow: FlowSource,
  { views = defaultViews, keeps = false, frames = Number.POSITIVE_INFINITY, ...options }: CostOptions,
): Promise<AdaptCosts> {
  const { height, width, classes } = size;
  const timed = async (work: () => Promise<unknown>) => {
    await work();
    let least = Number.POSITIVE_INFINITY;
    const began = performance.now();
    for (let run = 0; run < timedRuns && performance.now() - began < 1000 * timedSeconds; run++) {
      const started = performance.now();
      await work();
      least = Math.min(least, (performance.now() - started) / 1000);
    }
    return least;
  };
  const planes = framePlanes(images[0], size);
  const predictor = await openPredictor(student, student.weights, size, { ...options, gives: 'views', views });
  const segmenting = await timed(() => predictor.run(planes)).finally(() => predictor.close());
  // Reading flow from files takes next to nothing.
  const following = flow.folder === undefined ? await timed(() => bothFlows(flow, images)) : 0;
  const settled = settledWeights(student, size, student.weights);
  const vanished = [...settled].some(([name, weight]) => weight !== student.weights.get(name));
  const timedStep = async (of: TrainingStep) => {
    const { runEmpty, close } = await openEmptyStep(of, options);
    try {
      const step = await timed(() => runEmpty(settled));
      return { step, unsettledStep: vanished ? await timed(() => runEmpty(student.weights)) : step };
    } finally {
      await close();
    }
  };
  const ones = Array<number>(classes).fill(1);
  const onPair = await timedStep(pairStep(student, { ...size, targetSums: ones, targetFactors: ones }, options.device));
  const onKept = keeps ? await timedStep(anchorStep(student, size, options.device)) : { step: 0, unsettledStep: 0 };
  const original = keeps ? segmenting / views : 0;
  const joining = await timed(async () => joinOne(size));
  const consensus = (2 * consensusReach * joining) / consensusThreads(size, frames, options.threads);
  return {
    frame: segmenting + following * ((height * width) / (images[0].height * images[0].width)),
    ...{ consensus, renewal: segmenting + consensus },
    step: onPair.step + onKept.step + original,
    unsettledStep: onPair.unsettledStep + onKept.unsettledStep + original,
    judgement: segmenting / views,
  };
}

/** The consensus of a frame with one neighbour that shows all of it. */
function joinOne({ height, width, classes }: Size & { readonly classes: number }): void {
  const pixels = height * width;
  const own = { height, width, classes, data: new Uint8Array(pixels * classes).fill(1) };
  const flow = { height, width, data: new Float32Array(2 * pixels).fill(0.5) };
  consensusOf(own, [{ probabilities: own, flow, hidden: new Uint8Array(pixels) }], 0.5);
}

function bothFlows(flow: FlowSource, images: readonly RgbImage[]): Promise<unknown> {
  const [first, second] = [images[0], images[1] ?? images[0]].map((image, k) =>
    flowFrame(`frame ${k}`, async () => image),
  );
  return Promise.all([flow.flow({ first, second }, 'forward'), flow.flow({ first, second }, 'backward')]);
}

export function estimate(
  costs: AdaptCosts,
  frames: number,
  steps: number,
  size: Size & { readonly classes: number },
): AdaptEstimate {
  const stages = stageSeconds(costs, frames, steps);
  return {
    ...{ costs, frames, steps, stages },
    seconds: Object.values(stages).reduce((sum, seconds) => sum + seconds, 0),
    disk: frames * bytesOnDisk(size, size.classes),
  };
}

function stageSeconds(costs: AdaptCosts, frames: number, steps: number): Record<AdaptStage, number> {
  const { first, second } = roundsOf(steps);
  return {
    frames: frames * costs.frame,
    // And the frames that class shares are taken of.
    consensus: frames * costs.consensus + spreadFrames(frames).length * costs.judgement,
    steps: trainingSeconds(costs, first),
    refinement: first < settledAfter ? trainingSeconds(costs, second) : second * costs.step,
    renewal: second > 0 ? frames * costs.renewal : 0,
    // About a fifth of the frames at five points.
    choice: frames * costs.judgement,
    // Before and after.
    judgement: 2 * frames * costs.judgement,
  };
}

/** Of a training that begins with weights that vanished as they are. */
function trainingSeconds({ step, unsettledStep }: AdaptCosts, steps: number): number {
  const unsettled = Math.min(settledAfter, steps);
  return unsettled * unsettledStep + (steps - unsettled) * step;
}

/** As many steps as fit into the minutes, at most `most`; 0 when even the rest does not fit, with a second round where `most` has one. */
export function stepsWithin(minutes: number, costs: AdaptCosts, frames: number, most: number): number {
  const { steps: _, refinement: __, ...rest } = stageSeconds(costs, frames, most);
  const left = Object.values(rest).reduce((sum, seconds) => sum - seconds, 60 * minutes);
  const fits = (count: number) => {
    const { steps, refinement } = stageSeconds(costs, frames, count);
    return steps + refinement <= left;
  };
  let steps = most;
  while (steps > 0 && !fits(steps)) steps--;
  return steps;
}

/** Milliseconds: timers that are set for longer go off at once. */
const longestTimer = 2 ** 31 - 1;

/** Milliseconds until the training has to end, for what comes after it to fit into the minutes. @param spent seconds of them that are gone. */
export function timeToTrain(minutes: number, { stages }: Pick<AdaptEstimate, 'stages'>, spent: number): number {
  const left = Math.floor(1000 * (60 * minutes - spent - stages.choice - stages.judgement));
  return Math.min(Math.max(left, 0), longestTimer);
}
