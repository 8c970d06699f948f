// Agreement with a reference network where that was sure: whether what it knew is still there.
import type { LabelMap } from '../media/image.js';
import { requireSameSize } from './joint.js';

/** From this probability on a reference counts as sure. */
export const SURE = 0.9;

/** Whole numbers of pixels, one entry a class of the reference. */
export interface AgreementCounts {
  /** Pixels where the reference is sure of the class. */
  readonly sure: readonly number[];
  /** Of these, the ones that hold the same class. */
  readonly agreed: readonly number[];
}

/** The figures of summed counts, 0..1. */
export interface Agreement {
  /** Share of the sure pixels that agree. NaN of none. */
  readonly agreement: number;
  /** The same by class of the reference. NaN for a class of which it is nowhere sure. */
  readonly byClass: readonly number[];
}

/** Counts of nothing. */
export function noAgreement(classes: number): AgreementCounts {
  return { sure: new Array<number>(classes).fill(0), agreed: new Array<number>(classes).fill(0) };
}

/**
 * Counts of one frame. Pixels where the reference is no class do not count; one where only the labels are none is a
 * disagreement. A probability of exactly `SURE`, as float32, is sure; one that is not a number is not.
 * @param confidence the reference's probability of its class at each pixel; without, it counts as sure everywhere
 * @throws SteadysegError when the sizes differ
 */
export function agreementCounts(
  labels: LabelMap,
  reference: LabelMap,
  confidence: Float32Array | undefined,
  classes: number,
): AgreementCounts {
  requireSameSize(labels, reference, 'labels and their reference');
  const sure = new Array<number>(classes).fill(0);
  const agreed = new Array<number>(classes).fill(0);
  const lowest = Math.fround(SURE);
  for (let i = 0; i < reference.data.length; i++) {
    const id = reference.data[i];
    if (id >= classes || (confidence && !(confidence[i] >= lowest))) continue;
    sure[id]++;
    if (labels.data[i] === id) agreed[id]++;
  }
  return { sure, agreed };
}

/** The sum of counts; exact, since whole numbers below 2^53 are. */
export function addAgreement(a: AgreementCounts, b: AgreementCounts): AgreementCounts {
  const sum = (x: readonly number[], y: readonly number[]) => x.map((value, at) => value + y[at]);
  return { sure: sum(a.sure, b.sure), agreed: sum(a.agreed, b.agreed) };
}

/** The figures of counts that were summed over all frames. */
export function agreement({ sure, agreed }: AgreementCounts): Agreement {
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  return { agreement: total(agreed) / total(sure), byClass: agreed.map((pixels, at) => pixels / sure[at]) };
}
