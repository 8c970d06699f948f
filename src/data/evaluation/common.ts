// What the evaluations share: their options, the clips of a shard, and errors that become stated skips.
import { SteadysegError } from '../../base/errors.js';
import type { OnProgress } from '../../base/progress.js';
import { inShard, type Shard, wholeWork } from '../../base/shard.js';
import type { ClassSet } from '../../media/classes.js';
import { orderIntoClips } from '../../media/clips.js';
import type { LabelMap, Size } from '../../media/image.js';
import type { ClipRecord, ResultBasis, Skip } from '../../metrics/result.js';
import { type LabelIds, readLabels, readTrainIds } from '../labelFiles.js';
import { type ListedFile, listFiles } from '../layouts.js';
import { indexByName, missingPartners, pairingNames } from '../pairing.js';

/** What all evaluations take. */
export interface EvaluationOptions {
  /** Folder or list of predictions: label maps. */
  readonly pred: string;
  readonly classSet: ClassSet;
  /** What the ids of predictions, and of labels, mean. Default `auto`: by the file name. */
  readonly predIds?: LabelIds | undefined;
  readonly gtIds?: LabelIds | undefined;
  /** Which clips to evaluate. Default: all. */
  readonly shard?: Shard | undefined;
  /** Evaluate the first frames of the input only. */
  readonly limit?: number | undefined;
  /** Leave out what cannot be evaluated and say so in the result, instead of failing. */
  readonly keepGoing?: boolean | undefined;
  /** Threads. Default: one a core. */
  readonly threads?: number | undefined;
  /** Told what a user should know of the inputs. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Told after each frame. */
  readonly onProgress?: OnProgress | undefined;
}

/** A frame with its label, and the file of its prediction if there is one. */
export interface LabelledFrame {
  readonly name: string;
  readonly label: ListedFile;
  readonly prediction: ListedFile | undefined;
}

/** A clip of this shard. */
export interface LabelledClip extends ClipRecord {
  readonly labelled: readonly LabelledFrame[];
}

/** Frames whose labels and predictions are being read at the same time: decoding is what takes time, and runs on threads of its own. */
export const CONCURRENT_FRAMES = 6;

/**
 * The labelled frames of this shard by clip, with their predictions.
 * @throws SteadysegError when there is no label, when names are ambiguous, and (unless `keepGoing`) when predictions are missing
 */
export async function labelledClips(
  options: EvaluationOptions & { readonly gt: string },
): Promise<{ clips: LabelledClip[]; clipCount: number }> {
  const { pred, gt, limit, shard = wholeWork, keepGoing } = options;
  const listed = (await listFiles(gt, 'labels')).slice(0, limit);
  const { order, clips: all } = orderIntoClips(listed.map(({ path }) => path));
  const labels = order.map((at) => listed[at]);
  const predictions = await listFiles(pred, 'labels');
  const nameOf = pairingNames([labels, predictions]);
  indexByName(labels, nameOf);
  const byName = indexByName(predictions, nameOf);
  const clips = all
    .map(({ name, first, count }, index) => ({
      index,
      name,
      frames: count,
      labelled: labels.slice(first, first + count).map((label) => {
        const name = nameOf(label);
        return { name, label, prediction: byName.get(name) };
      }),
    }))
    .filter(({ index }) => inShard(index, shard));
  const missing = clips.flatMap(({ labelled }) => labelled).filter(({ prediction }) => prediction === undefined);
  if (missing.length > 0 && !keepGoing)
    throw missingPrediction(
      pred,
      missing.map(({ name }) => name),
    );
  return { clips, clipCount: all.length };
}

/** The error for frames without a prediction. */
export function missingPrediction(pred: string, names: readonly string[]): SteadysegError {
  return missingPartners('prediction', pred, names);
}

/** Reads the prediction and the label of a frame. @throws SteadysegError when one is missing or unusable, or their sizes differ. */
export async function readFrame(
  frame: LabelledFrame,
  options: EvaluationOptions,
): Promise<{ prediction: LabelMap; label: LabelMap }> {
  const { classSet, pred, predIds, gtIds } = options;
  if (!frame.prediction) throw missingPrediction(pred, [frame.name]);
  const [prediction, label] = await awaitAll([
    readTrainIds(frame.prediction.path, classSet, predIds),
    readLabels(frame.label.path, classSet, gtIds),
  ]);
  requireSize(prediction, frame.prediction.path, label, frame.label.path);
  return { prediction, label };
}

/** `Promise.all` that waits for all before it throws, so that nothing goes on behind an error. */
export async function awaitAll<T extends readonly unknown[] | []>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}

/** Refuses two files of different sizes, naming both. */
export function requireSize(found: Size, name: string, expected: Size, reference: string): void {
  if (found.width === expected.width && found.height === expected.height) return;
  throw new SteadysegError(
    `${name}: expected the size of ${reference}, ${expected.width}×${expected.height}, found ${found.width}×${found.height} (width×height)`,
  );
}

/** The skip that an error becomes with `keepGoing`; without, and for what is no fault of the input, it is thrown on. */
export function skipOf(thrown: unknown, clip: number, name: string, keepGoing: boolean | undefined): Skip {
  if (!keepGoing || !(thrown instanceof SteadysegError)) throw thrown;
  return { clip, name, reason: thrown.message, failed: true };
}

/** The parts of a result that do not depend on the measure. */
export function basisOf(
  { classSet, shard = wholeWork }: Pick<EvaluationOptions, 'classSet' | 'shard'>,
  inputs: Readonly<Record<string, string>>,
  clips: readonly ClipRecord[],
  clipCount: number,
  skipped: readonly Skip[],
): ResultBasis {
  return {
    classSet: classSet.name,
    classes: [...classSet.classes],
    ignoreLabel: classSet.ignoreLabel,
    inputs: { ...inputs },
    shard: { ...shard },
    clipCount,
    clips: clips.map(({ index, name, frames }) => ({ index, name, frames })),
    skipped: [...skipped],
  };
}
