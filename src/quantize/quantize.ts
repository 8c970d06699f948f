// Makes a network in 8-bit integers of a float one, by frames of the video it is for (SPEC section 11).
import { stat } from 'node:fs/promises';
import { SteadysegError, UsageError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { linkedPath } from '../base/outputFile.js';
import { findLabelled, type LabelFiles } from '../data/labelledFrames.js';
import type { RgbImage } from '../media/image.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import { readDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import { writeModel } from '../onnx/write.js';
import { addsBytesExactly } from '../runtime/integerArithmetic.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { createSession } from '../runtime/session.js';
import { describeNetwork } from '../segment/describeNetwork.js';
import { findNetwork } from '../segment/findNetwork.js';
import { inputSize } from '../segment/inputSize.js';
import { type LoadOptions, type OpenNetwork, segmentationModel } from '../segment/model.js';
import type { DescribeOptions, FoundNetwork } from '../segment/network.js';
import type { NetworkResult } from '../segment/networkResult.js';
import { countFrames } from './count.js';
import { withDescription } from './described.js';
import { insertIntegers } from './insert.js';
import { integerShare } from './integerShare.js';
import { stopIfAborted } from './interruption.js';
import { chooseLeft, type OperatorCost } from './leaveOut.js';
import { type Placement, placeIntegers, type Selection } from './placement.js';
import { type RangeMethod, rangeMethods } from './ranges.js';
import { rounded } from './rounded.js';
import { openSample, type Sample } from './sample.js';
import { scalesOf } from './scales.js';
import { compareSteadiness, type SteadinessOfBoth } from './steadiness.js';
import { agreementOf, type Both, decibels, labelsOn, mIoUOf, noiseOf, openTrial, resultOn, timeBoth } from './trial.js';
import { tuneWeights } from './tune.js';
import type { WeightBits } from './weights.js';

/** What `quantize` takes. */
export interface QuantizeOptions extends DescribeOptions, Pick<SessionOptions, 'device' | 'threads'> {
  /** The float network (.onnx). */
  readonly model: string;
  /** A video, folder, glob or list of frames like those it is for. */
  readonly calibrate: string;
  /** Where the network in integers is written. */
  readonly out: string;
  /** Frames that ranges come from, at most, spread over the input; default 32. Half as many are held back to judge by. */
  readonly frames?: number | undefined;
  /** Share of the pixels, 0 to 1, that must keep the float network's class; default 0.99. */
  readonly budget?: number | undefined;
  /** Labels of some of the frames, named like them: these frames are held back, and judge how right both networks are. */
  readonly labels?: LabelFiles | undefined;
  /** With `labels`: the budget is this much of mIoU (0 to 1) that may be lost, in place of pixels that must keep their class. */
  readonly mIoUBudget?: number | undefined;
  /** Default: 8 where this processor adds products of bytes exactly, else 7, which every processor does. */
  readonly weightBits?: WeightBits | undefined;
  /** Updates by which the weights settle on their integers, on the frames calibrated by; default 0. */
  readonly tune?: number | undefined;
  /** The order of frames in tuning follows from it; default 1. */
  readonly seed?: number | undefined;
  /** Write a network that is no faster on this machine too: for another one. */
  readonly anySpeed?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told after each frame, step, operator or run of a stage. */
  readonly onProgress?: ((progress: QuantizeProgress) => void) | undefined;
  /** What was guessed or found, a line each. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** How far a stage of quantising is. */
export interface QuantizeProgress {
  readonly stage: 'frames' | 'ranges' | 'steps' | 'operators' | 'selection' | 'speed' | 'steadiness';
  readonly done: number;
  readonly total: number;
}

/** What was written, and what it costs and gains. */
export interface QuantizeResult {
  readonly model: string;
  /** Time of the float network over that of the one in integers: medians of runs in turn. */
  readonly speed: number;
  readonly milliseconds: Both;
  /** Bytes of the files. */
  readonly size: Both;
  /** Share of the pixels of the frames held back that keep their class. */
  readonly agreement: number;
  /** On the labelled frames, where there are some. */
  readonly mIoU: Both | null;
  /** On the first frames of the input; null where it has no neighbouring frames that can be compared. */
  readonly steadiness: SteadinessOfBoth | null;
  /** Of the scores, in decibels; null for a network that gives labels, and where there is no noise. */
  readonly signalToNoise: number | null;
  /** Of the multiply–adds, those that the engine computes in integers; null where they cannot be counted. */
  readonly integerShare: number | null;
  /** Operators that stay float for the budget, and those the engine computes in float nevertheless. */
  readonly left: readonly string[];
  readonly refused: readonly string[];
  /** What each operator alone costs, the most first; empty where the budget held without leaving any out. */
  readonly ranking: readonly OperatorCost[];
  readonly ranges: RangeMethod;
  /** Whether the weights are tuned ones: false also where tuning did not raise the agreement. */
  readonly tuned: boolean;
  readonly weightBits: WeightBits;
  readonly frames: { readonly calibrated: number; readonly judged: number };
}

/** Nothing is left out. */
const none: Selection = { left: new Set() };
const defaultFrames = 32;
const defaultBudget = 0.99;
/** Runs of each network that its time is the median of. */
const rounds = 9;

/**
 * Quantises a network and writes it: standard ONNX, `QuantizeLinear` and `DequantizeLinear` around what runs in integers.
 * @throws SteadysegError for inputs or a network that cannot be used, and where the budget cannot be held at a gain in speed,
 * which writes nothing; UsageError for options that do not go together; InterruptedError when the signal ended it.
 */
export async function quantize(options: QuantizeOptions): Promise<QuantizeResult> {
  const { model: path, calibrate, out, labels, budget = defaultBudget, mIoUBudget, threads, device, signal } = options;
  if (!(budget > 0 && budget <= 1)) throw new UsageError(`expected a budget above 0 and at most 1, found ${budget}`);
  if (mIoUBudget !== undefined && !(mIoUBudget >= 0 && mIoUBudget < 1)) {
    throw new UsageError(`expected a budget of mIoU from 0 to below 1, found ${mIoUBudget}`);
  }
  if (mIoUBudget !== undefined && (!labels || options.budget !== undefined)) {
    throw new UsageError(`expected ${labels ? 'either budget, not both' : 'labels'} with a budget of mIoU`);
  }
  const target = await linkedPath(out);
  await checkSingleOutputs([out], [path, calibrate, labels?.path]);
  const found = await findNetwork(path);
  const description = describeNetwork(found, options);
  for (const note of description.notes) options.onNote?.(note);
  const exact = await addsBytesExactly();
  const weightBits = options.weightBits ?? (exact ? 8 : 7);
  if (!exact) {
    const effect =
      weightBits === 7
        ? 'weights take 7 bits'
        : 'sums may saturate, and what is judged here differs from other processors';
    options.onNote?.(`this processor has no 8-bit dot products: ${effect}`);
  }
  const load: LoadOptions = { ...options, device, threads };
  const float = segmentationModel(found, load, createSession);
  const { classes } = float;
  const findLabels = labels && ((stems: readonly string[]) => findLabelled(labels, stems, classes));
  const sample = await openSample(calibrate, options.frames ?? defaultFrames, findLabels);
  if (sample.count < 3) {
    options.onNote?.(
      `${calibrate}: too few frames to hold some back: the result is judged on those it was calibrated by`,
    );
  }
  const { network, histograms, compared, judged, calibrated } = await countFrames(found, description, sample, {
    ...{ device, threads, signal },
    onFrame: (done) => options.onProgress?.({ stage: 'frames', done, total: sample.count }),
  });
  const all = placeIntegers(network.model, none).operators;
  if (all.length === 0) {
    throw new SteadysegError(`${path}: expected convolutions or products with weights to quantise, found none`);
  }
  const before = await openTrial(float);
  const closers = [before];
  try {
    const images = judged.map(({ image }) => image);
    const expectedLabels = await labelsOn(before, images);
    const mIoU = (found: readonly Uint8Array[]) => mIoUOf(found, judged, classes);
    if (labels && Number.isNaN(mIoU(expectedLabels))) {
      throw new SteadysegError(`${labels.path}: expected labelled pixels on the frames held back, found none`);
    }
    let floatModel = network.model;
    const build = (selection: Selection, method: RangeMethod): Built => {
      const placement = placeIntegers(floatModel, selection);
      const model = insertIntegers(floatModel, placement, scalesOf(placement, histograms, method), weightBits);
      const described = withDescription(model, found, description, weightBits);
      return { placement, content: writeModel(described), model: described };
    };
    const openBuilt = (built: Pick<Built, 'model' | 'content'>) =>
      openTrial(segmentationModel(foundAgain(found, built), load, createSession));
    // Of the float network in the same form, whose scores come at the same resolution: the file's own may be in float16, which stays uncut.
    stopIfAborted(signal);
    const plain = withDescription(network.model, found, description);
    const reference = await openBuilt({ model: plain, content: writeModel(plain) });
    const expected = await resultsOn(reference, compared).finally(() => reference.release());
    const noise = async (built: Built): Promise<number> => {
      stopIfAborted(signal);
      const opened = await openBuilt(built);
      return noiseOf(await resultsOn(opened, compared).finally(() => opened.release()), expected);
    };
    const labelsOf = async (built: Built): Promise<Uint8Array[]> => {
      stopIfAborted(signal);
      const opened = await openBuilt(built);
      return await labelsOn(opened, images).finally(() => opened.release());
    };
    const agreement = async (built: Built) => agreementOf(await labelsOf(built), expectedLabels);
    const tried: { method: RangeMethod; noise: number }[] = [];
    for (const method of rangeMethods) {
      tried.push({ method, noise: await noise(build(none, method)) });
      options.onProgress?.({ stage: 'ranges', done: tried.length, total: rangeMethods.length });
    }
    const { method } = tried.reduce((best, other) => (other.noise < best.noise ? other : best));
    const tune = async (steps: number): Promise<boolean> => {
      const placement = placeIntegers(network.model, none);
      const scales = scalesOf(placement, histograms, method);
      const untuned = await agreement(build(none, method));
      floatModel = await tuneWeights({
        ...{ found: { ...found, model: network.model }, description, steps, seed: options.seed ?? 1, threads, device },
        model: network.model,
        rounded: insertIntegers(network.model, placement, scales, weightBits, rounded),
        trained: new Set(placement.operators.flatMap(({ node, weights }) => (weights ? node.inputs.slice(1) : []))),
        size: inputSize(description, images[0]),
        frames: () => calibrationFrames(sample),
        signal,
        onStep: (done) => options.onProgress?.({ stage: 'steps', done, total: steps }),
      });
      if ((await agreement(build(none, method))) > untuned) return true;
      floatModel = network.model;
      options.onNote?.('tuning did not raise the agreement on the frames held back: the weights stay as they were');
      return false;
    };
    const tuned = options.tune ? await tune(options.tune) : false;
    const choice = await chooseLeft({
      budget: mIoUBudget === undefined ? budget : 1 - mIoUBudget,
      operators: all.map(({ name }) => name),
      async kept(left) {
        const found = await labelsOf(build({ left }, method));
        return mIoUBudget === undefined ? agreementOf(found, expectedLabels) : 1 - mIoU(expectedLabels) + mIoU(found);
      },
      noise: (only) => noise(build({ only }, method)),
      onProgress: options.onProgress,
    });
    if (!choice) {
      const wanted =
        mIoUBudget === undefined
          ? `${percent(budget)} of the pixels to keep their class`
          : `at most ${percent(mIoUBudget)} of mIoU to be lost`;
      throw new SteadysegError(
        `${path}: expected ${wanted}, found no choice of operators in integers that holds it: nothing was written`,
      );
    }
    const built = build({ left: choice.left }, method);
    const after = await openBuilt(built);
    closers.push(after);
    const milliseconds = await timeBoth(before, after, images[0], rounds);
    options.onProgress?.({ stage: 'speed', done: 1, total: 1 });
    const speed = milliseconds.before / milliseconds.after;
    const labelled = await labelsOn(after, images);
    const kept = agreementOf(labelled, expectedLabels);
    if (speed <= 1 && !options.anySpeed) {
      throw new SteadysegError(
        `${path}: expected a network in integers to be faster, found ${speed.toFixed(2)} times the float one's speed on this machine with ${percent(kept)} of the pixels the same: nothing was written (for another machine: --any-speed)`,
      );
    }
    const share = await integerShare(built.content, built.placement.operators, network.multiplyAdds, {
      device,
      threads,
    });
    const scoresNoise = await noise(built);
    const steadiness = await compareSteadiness({
      ...{ input: calibrate, classSet: classes, before, after, threads, signal },
      onFrame: (done, total) => options.onProgress?.({ stage: 'steadiness', done, total }),
    });
    await writeFileWhole(target, built.content);
    const finite = (value: number) => (Number.isFinite(value) ? value : null);
    return {
      model: out,
      ...{ speed, milliseconds },
      size: { before: await sizeOf(found), after: built.content.length },
      agreement: kept,
      mIoU: labels ? { before: mIoU(expectedLabels), after: mIoU(labelled) } : null,
      steadiness: steadiness ?? null,
      signalToNoise: description.output.kind === 'labels' ? null : finite(decibels(scoresNoise)),
      integerShare: finite(share.share),
      left: [...choice.left],
      refused: share.refused,
      ranking: choice.ranking,
      ranges: method,
      tuned,
      weightBits,
      frames: { calibrated, judged: judged.length },
    };
  } finally {
    for (const opened of closers) await opened.release();
  }
}

interface Built {
  readonly placement: Placement;
  readonly model: Model;
  readonly content: Uint8Array;
}

async function* calibrationFrames(sample: Sample): AsyncGenerator<RgbImage, void, void> {
  for await (const { image, use } of sample.frames()) if (use !== 'judge') yield image;
}

/** The network found, with another content. */
function foundAgain(found: FoundNetwork, { model, content }: Pick<Built, 'model' | 'content'>): FoundNetwork {
  return { ...found, model, content, metadata: readDescription(model.metadata, found.source) };
}

async function resultsOn(network: OpenNetwork, images: readonly RgbImage[]): Promise<NetworkResult[]> {
  const results: NetworkResult[] = [];
  for (const image of images) results.push(await resultOn(network, image));
  return results;
}

async function sizeOf({ content }: FoundNetwork): Promise<number> {
  return typeof content === 'string' ? (await stat(content)).size : content.length;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`;
}
