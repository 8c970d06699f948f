// Steadiness of a network or of label maps on a video, perhaps against another: what `evaluate steadiness` does.
import { UsageError } from '../base/errors.js';
import { type KeptPlace, measureSteadiness, type SteadinessOptions } from '../data/evaluation/steadiness.js';
import { type ClassSet, sameNames } from '../media/classes.js';
import { classesOfResult } from '../media/resultClasses.js';
import type { SteadinessResult } from '../metrics/result.js';
import { type NetworkLabeller, networkLabeller } from './labeller.js';
import type { SegmentationModel } from './model.js';
import type { ViewOptions } from './views.js';

/** What `evaluateSteadiness` takes. */
export interface EvaluateSteadinessOptions
  extends Omit<SteadinessOptions, 'pred' | 'against' | 'classSet'>,
    ViewOptions {
  /** A folder or list of label maps, one of each frame (what `predict` wrote), or a network that makes them. */
  readonly pred: string | SegmentationModel;
  /** The reference, likewise. Agreement is counted where it is sure: by a network's probabilities, or a folder's `confidence`. */
  readonly against?: string | SegmentationModel | undefined;
  /** Default: what the network or the record of `predict` says. */
  readonly classSet?: ClassSet | undefined;
}

/**
 * Compares the labels of each frame with those of the next along the flow (SPEC §10): steady pixels, flicker and share by
 * class, temporal kappa; with a reference, its figures and the agreement with it.
 * @returns the result, the places that change most, worst first, and the classes
 * @throws SteadysegError naming the file or frame, for networks of different classes, and for classes that nothing tells
 */
export async function evaluateSteadiness(
  options: EvaluateSteadinessOptions,
): Promise<{ result: SteadinessResult; places: readonly KeptPlace[]; classSet: ClassSet }> {
  const { pred, against } = options;
  const classSet = await classesOf(options);
  const opened: NetworkLabeller[] = [];
  const open = async (input: string | SegmentationModel, wantsConfidence: boolean) => {
    if (typeof input === 'string') return input;
    const labeller = await networkLabeller(input, options, wantsConfidence);
    opened.push(labeller);
    return labeller;
  };
  try {
    const labels = await open(pred, false);
    const reference = against === undefined ? undefined : await open(against, true);
    return { classSet, ...(await measureSteadiness({ ...options, classSet, pred: labels, against: reference })) };
  } finally {
    for (const labeller of opened) await labeller.release();
  }
}

/** The classes asked for, else those of the predictions, which the reference has too. */
async function classesOf({ pred, against, classSet, onNote }: EvaluateSteadinessOptions): Promise<ClassSet> {
  const inputs = against === undefined ? [pred] : [pred, against];
  const told: { name: string; classes: ClassSet }[] = [];
  for (const input of inputs) {
    const name = typeof input === 'string' ? input : input.description.source;
    const classes = typeof input === 'string' ? await classesOfResult(input, classSet) : input.classes;
    if (classes) told.push({ name, classes });
  }
  const own = classSet ?? told.at(0)?.classes;
  if (!own) {
    throw new UsageError(
      `expected a preset or a file of classes, or the result of predict, whose record tells them; found neither for ${inputs.join(' and ')}`,
    );
  }
  for (const { name, classes } of told) {
    const [found, expected] = [classes.classes.length, own.classes.length];
    // As everywhere, a class set that is given may have more classes than a network.
    if (found > expected || (found < expected && !classSet)) {
      throw new UsageError(
        `${name}: expected the ${expected} classes of ${own.name}, found ${found} of ${classes.name}`,
      );
    }
    if (!sameNames(classes.classes, own.classes)) {
      onNote?.(`${name}: its classes have other names than ${own.name}’s; they are compared by number`);
    }
  }
  return own;
}
