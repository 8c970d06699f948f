// Regions that a network saw as it came and the frames around confirm, and which of them it lost.
import type { Size } from '../media/image.js';
import { regionsOf, smallestRegion } from './regions.js';

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
  const smallest = smallestRegion(consensus);
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
export function lostRegions(
  before: RegionCounts,
  after: RegionCounts,
): { label: number; lost: number; seen: number }[] {
  return after.seen.flatMap((seen, label) => {
    const lost = after.lost[label] - before.lost[label];
    return lost >= leastLost && lost >= manyLost * seen ? [{ label, lost, seen }] : [];
  });
}
