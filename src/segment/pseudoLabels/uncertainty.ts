// How unsure a network is of its labels, in bins that are finest where it is surest; and the bin that ends a class's surest share.
import { ignoreLabel } from '../../media/image.js';

// The uncertainty of a probability p is 1 - p. Networks are sure of most pixels: half of them may lie above 0.999, so bins of
// equal width would not tell them apart. These are the steps of a floating-point number: each halving of the uncertainty has
// `binsPerHalving` bins. Float32 probabilities below 1 have an uncertainty of at least 2^-24, so 24 halvings hold all of them,
// and bin 0 those of probability 1.
const fractionBits = 10;
const binsPerHalving = 1 << fractionBits;
const halvings = 24;

/** Number of bins. */
export const uncertaintyBins = 1 + halvings * binsPerHalving;

/** Bits of a float32's fraction that a bin does not look at. */
const droppedBits = 23 - fractionBits;
/** Bin 1 begins at 2^-24, whose biased exponent is 103. */
const offset = (127 - halvings) * binsPerHalving - 1;

/** The bin of each pixel's uncertainty, 0 the surest; what is not a number goes to the last. Monotone in the probability. */
export function uncertaintiesOf(confidence: Float32Array): Uint16Array {
  const uncertainties = new Float32Array(confidence.length);
  // An average of softmax maps may be above 1 by a rounding.
  for (let i = 0; i < uncertainties.length; i++) uncertainties[i] = Math.max(0, 1 - confidence[i]);
  const bits = new Uint32Array(uncertainties.buffer);
  const bins = new Uint16Array(uncertainties.length);
  for (let i = 0; i < bins.length; i++) {
    bins[i] = Math.min(uncertaintyBins - 1, Math.max(0, (bits[i] >>> droppedBits) - offset));
  }
  return bins;
}

/** The lowest probability whose uncertainty is in this bin or a surer one. */
export function lowestProbability(bin: number): number {
  if (bin === 0) return 1;
  const last = new Uint32Array([((bin + offset + 1) << droppedBits) - 1]);
  return 1 - new Float32Array(last.buffer)[0];
}

/** Pixels by class and bin; 200 kB a class that occurs, however many frames are counted. */
export interface UncertaintyHistogram {
  add(labels: Uint8Array, uncertainties: Uint16Array): void;
  /**
   * For each class the bin up to which its pixels are kept, so that at least `share` of them are: the first at which the
   * sum over the surer bins and itself reaches that. Undefined for a class without pixels.
   */
  cuts(share: number): (number | undefined)[];
}

export function createUncertaintyHistogram(classes: number): UncertaintyHistogram {
  const counts = new Array<Float64Array | undefined>(classes).fill(undefined);
  return {
    add(labels, uncertainties) {
      for (let i = 0; i < labels.length; i++) {
        const label = labels[i];
        if (label >= classes || label === ignoreLabel) continue;
        const bins = counts[label] ?? new Float64Array(uncertaintyBins);
        counts[label] = bins;
        bins[uncertainties[i]]++;
      }
    },
    cuts: (share) => counts.map((bins) => bins && cutOf(bins, share)),
  };
}

function cutOf(bins: Float64Array, share: number): number {
  const total = bins.reduce((sum, count) => sum + count, 0);
  // A product such as 0.1·30, a rounding above 3, asks for 3 pixels.
  const wanted = Math.ceil(share * total * (1 - 1e-12));
  let kept = 0;
  for (let bin = 0; bin < bins.length; bin++) {
    kept += bins[bin];
    if (kept >= wanted) return bin;
  }
  return bins.length - 1;
}
