// Regions of one class: the small ones are what a network forgets first, since few pixels speak for them.
import type { Size } from '../media/image.js';

/** Connected regions of a label map. */
export interface Regions {
  /** H×W: the region of each pixel. */
  readonly of: Uint32Array;
  /** Pixels and class of each region. */
  readonly areas: readonly number[];
  readonly classes: readonly number[];
}

/** Finds regions of one class, pixels connected along rows and columns. */
export function regionsOf(labels: Uint8Array, { height, width }: Size): Regions {
  const of = new Uint32Array(labels.length);
  const [areas, classes]: [number[], number[]] = [[], []];
  const found = new Uint8Array(labels.length);
  const open = new Uint32Array(labels.length);
  for (let first = 0; first < labels.length; first++) {
    if (found[first]) continue;
    const label = labels[first];
    let [waiting, area] = [1, 0];
    open[0] = first;
    found[first] = 1;
    const visit = (pixel: number) => {
      if (found[pixel] || labels[pixel] !== label) return;
      found[pixel] = 1;
      open[waiting++] = pixel;
    };
    while (waiting > 0) {
      const pixel = open[--waiting];
      of[pixel] = areas.length;
      area++;
      const x = pixel % width;
      if (x > 0) visit(pixel - 1);
      if (x < width - 1) visit(pixel + 1);
      if (pixel >= width) visit(pixel - width);
      if (pixel < (height - 1) * width) visit(pixel + width);
    }
    areas.push(area);
    classes.push(label);
  }
  return { of, areas, classes };
}

/** Smaller regions are noise: a share of the picture, and pixels. */
const [smallestShare, smallestArea] = [1e-4, 16];
/** A region of this share of the picture and more counts by its pixels alone. */
const largeShare = 0.01;
/** What a pixel of the smallest counts beside one of those, at most. */
const mostWeight = 4;
/** What a pixel of a large region weighs, so that the others are whole numbers, too. */
const unit = 16;

/** How much each pixel counts, times 16: by the root of how much smaller its region is than a large one, 4 times at most. */
export function regionWeights(labels: Uint8Array, size: Size): Uint8Array {
  const { of, areas } = regionsOf(labels, size);
  const [large, smallest] = [largeShare * labels.length, smallestOf(labels)];
  const weights = areas.map((area) =>
    area < smallest ? unit : Math.round(unit * Math.min(mostWeight, Math.max(1, Math.sqrt(large / area)))),
  );
  return Uint8Array.from(of, (region) => weights[region]);
}

function smallestOf({ length }: Uint8Array): number {
  return Math.max(smallestShare * length, smallestArea);
}

/** Regions by class: those that were seen, and of these the ones that are lost. */
export interface RegionCounts {
  readonly seen: readonly number[];
  readonly lost: readonly number[];
}

/** Regions of all classes: the share that is lost; 0 where none was seen. */
export function lostShareOf({ seen, lost }: RegionCounts): number {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  return sum(lost) / Math.max(1, sum(seen));
}

/** A region is seen when this much of it has its class. */
const seenShare = 0.5;
/** It is lost when less than this is left. */
const leftShare = 0.1;

/** Adds the regions of a frame: those of the consensus that the network saw as it came, in all its views, and which of them it does not. */
export function countRegions(
  counts: { readonly seen: number[]; readonly lost: number[] },
  consensus: Uint8Array,
  before: Uint8Array,
  after: Uint8Array,
  size: Size,
): void {
  const { of, areas, classes } = regionsOf(consensus, size);
  const smallest = smallestOf(consensus);
  const [seen, left] = [new Uint32Array(areas.length), new Uint32Array(areas.length)];
  for (let pixel = 0; pixel < consensus.length; pixel++) {
    if (before[pixel] === consensus[pixel]) seen[of[pixel]]++;
    if (after[pixel] === consensus[pixel]) left[of[pixel]]++;
  }
  for (const [region, area] of areas.entries()) {
    if (area < smallest || seen[region] < seenShare * area) continue;
    counts.seen[classes[region]]++;
    if (left[region] < leftShare * area) counts.lost[classes[region]]++;
  }
}

/** Of a class with fewer regions, a lost one says nothing. */
const leastLost = 3;
/** What is told of. */
const manyLost = 0.1;

/** Classes of which a tenth of the regions and more were lost, and more than a few, beside those that were lost before. */
export function lostClasses(before: RegionCounts, after: RegionCounts): number[] {
  return after.seen.flatMap((seen, c) => {
    const lost = after.lost[c] - before.lost[c];
    return lost >= leastLost && lost >= manyLost * seen ? [c] : [];
  });
}
