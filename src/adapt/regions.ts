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
/** Regions of this many pixels and fewer weigh the most: where a large one is more than 16 times that, what they weigh grows with the picture. */
const smallPixels = 108;
/** In smaller pictures those of this part of a large one do: 4 times as much as it. */
const smallPart = 1 / 16;
/** What a pixel of a large region weighs, so that the others are whole numbers, too. */
const unit = 16;

/** How much each pixel counts, times 16: by the root of how much smaller its region is than a large one, from 108 pixels up. */
export function regionWeights(labels: Uint8Array, size: Size): Uint8Array {
  const { of, areas } = regionsOf(labels, size);
  const [large, smallest] = [largeShare * labels.length, smallestRegion(labels)];
  const small = Math.min(smallPixels, smallPart * large);
  const weights = areas.map((area) =>
    area < smallest ? unit : Math.round(unit * Math.max(1, Math.sqrt(large / Math.max(area, small)))),
  );
  return Uint8Array.from(of, (region) => weights[region]);
}

/** Pixels of the smallest region that is no noise. */
export function smallestRegion({ length }: Uint8Array): number {
  return Math.max(smallestShare * length, smallestArea);
}
