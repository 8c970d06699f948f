// Prepares one batch of training samples: decodes, draws the changes, resamples into the tensors of a step.
import { SteadysegError } from '../base/errors.js';
import type { Size } from '../media/image.js';
import { createRandom } from '../tensor/random.js';
import { type Augmentation, drawAugmentation, samplingOf } from './augmentation.js';
import { boundaryTarget } from './boundaryTarget.js';
import { changeColors } from './colorChange.js';
import type { FlowReference, FrameReference, LabelReference } from './dataset.js';
import type { Decoder } from './decode.js';
import { resampleFlow, resampleImage, resampleLabels } from './resample.js';

/** What a worker is told of a sample. */
export interface SamplePlan {
  readonly name: string;
  /** Seed of its draw. */
  readonly seed: number;
  readonly frame: FrameReference;
  readonly label?: LabelReference | undefined;
  /** As many for every sample of the batch; a missing one stands for a frame without such a neighbour. */
  readonly neighbours: readonly (NeighbourPlan | undefined)[];
}

export interface NeighbourPlan {
  readonly offset: number;
  readonly frame: FrameReference;
  readonly flow?: FlowReference | undefined;
}

export interface BatchPlan {
  readonly samples: readonly SamplePlan[];
  readonly crop: Size;
  readonly augmentation: Augmentation;
  /** Ids from here on become 255. */
  readonly classes: number;
  readonly withFlow: boolean;
  /** Whether the boundaries of the labels are wanted. */
  readonly withBoundaries: boolean;
}

/** The arrays of a batch of N samples with crops of H×W. */
export interface BatchArrays {
  /** [N,3,H,W], RGB. */
  readonly images: Uint8ClampedArray<ArrayBuffer>;
  /** [N,H,W]; 255 everywhere for a sample without label. */
  readonly labels: Uint8Array<ArrayBuffer>;
  /** [N,H,W]: 1 at the boundaries of the labels, else 0; 255 everywhere for a sample without label. */
  readonly boundaries?: Uint8Array<ArrayBuffer> | undefined;
  readonly neighbours: readonly NeighbourArrays[];
}

export interface NeighbourArrays {
  /** [N,3,H,W]; the frame itself where there is no neighbour. */
  readonly images: Uint8ClampedArray<ArrayBuffer>;
  /** [N]: t' - t, 0 where there is no neighbour. */
  readonly offsets: Int32Array<ArrayBuffer>;
  /** [N,2,H,W]: flow t→t', 0 where it is not valid. */
  readonly flow?: Float32Array<ArrayBuffer> | undefined;
  /** [N,1,H,W]: 1 where the flow counts, else 0. */
  readonly valid?: Float32Array<ArrayBuffer> | undefined;
}

/** The memory of a batch, for handing it between threads without a copy. */
export function buffersOf({ images, labels, boundaries, neighbours }: BatchArrays): ArrayBuffer[] {
  const arrays = [
    images,
    labels,
    boundaries,
    ...neighbours.flatMap((other) => [other.images, other.flow, other.valid]),
  ];
  return arrays.flatMap((array) => (array ? [array.buffer] : []));
}

/** Gives memory of a number of bytes, with whatever is in it: that of a batch that is done with, or new. */
export type Allocate = (bytes: number) => ArrayBuffer;

/** Prepares a batch. Everything follows from the plan: the decoder only tells where pixels come from. */
export async function prepareBatch(plan: BatchPlan, decoder: Decoder, allocate: Allocate): Promise<BatchArrays> {
  const { samples, crop, augmentation, classes, withFlow, withBoundaries } = plan;
  const count = samples.length;
  const pixels = crop.height * crop.width;
  const floats = (channels: number) => new Float32Array(allocate(4 * count * channels * pixels));
  const colours = () => new Uint8ClampedArray(allocate(3 * count * pixels));
  const images = colours();
  const labels = new Uint8Array(allocate(count * pixels)).fill(255);
  const boundaries = withBoundaries ? new Uint8Array(allocate(count * pixels)).fill(255) : undefined;
  const neighbours = samples[0].neighbours.map(() => ({
    images: colours(),
    offsets: new Int32Array(count),
    flow: withFlow ? floats(2).fill(0) : undefined,
    valid: withFlow ? floats(1).fill(0) : undefined,
  }));
  // All files of the batch are read at the same time; decoding goes on in the threads of the image library.
  const decoded = samples.map((sample) => ({
    frame: decoder.image(sample.frame),
    label: sample.label && decoder.labels(sample.label),
    neighbours: sample.neighbours.map(
      (neighbour) =>
        neighbour && {
          image: decoder.image(neighbour.frame),
          flow: withFlow && neighbour.flow ? decoder.flow(neighbour.flow) : undefined,
        },
    ),
  }));
  await Promise.all(
    decoded.flatMap(({ frame, label, neighbours: others }) => [
      frame,
      label,
      ...others.flatMap((other) => [other?.image, other?.flow]),
    ]),
  );
  for (const [n, sample] of samples.entries()) {
    const image = await decoded[n].frame;
    const draw = drawAugmentation(createRandom(sample.seed), augmentation, image, crop);
    const sampling = samplingOf(draw, image, crop);
    resampleImage(changeColors(image, draw.color), sampling, draw.blur, crop, images, n * 3 * pixels);
    const label = await decoded[n].label;
    if (label) {
      checkSize(label, image, `${sample.name}: label`);
      resampleLabels(label, sampling, classes, crop, labels, n * pixels);
      if (boundaries) resampleLabels(boundaryTarget(label), sampling, 2, crop, boundaries, n * pixels, 0);
    }
    for (const [k, arrays] of neighbours.entries()) {
      const neighbour = sample.neighbours[k];
      const other = decoded[n].neighbours[k];
      if (!neighbour || !other) {
        arrays.images.set(images.subarray(n * 3 * pixels, (n + 1) * 3 * pixels), n * 3 * pixels);
        continue;
      }
      arrays.offsets[n] = neighbour.offset;
      const otherImage = await other.image;
      checkSize(otherImage, image, `${sample.name}: neighbour`);
      resampleImage(changeColors(otherImage, draw.color), sampling, draw.blur, crop, arrays.images, n * 3 * pixels);
      const known = await other.flow;
      if (known && arrays.flow && arrays.valid) {
        checkSize(known.flow, image, `${sample.name}: flow`);
        resampleFlow(known, sampling, crop, arrays.flow, n * 2 * pixels, arrays.valid, n * pixels);
      }
    }
  }
  return { images, labels, boundaries, neighbours };
}

function checkSize(found: Size, expected: Size, what: string): void {
  if (found.width !== expected.width || found.height !== expected.height) {
    throw new SteadysegError(
      `${what}: expected the frame's size ${expected.width}×${expected.height}, found ${found.width}×${found.height}`,
    );
  }
}
