// What a network gave: its output as planes of scores, or as labels, and whether it can be what it is said to be.
import { SteadysegError } from '../base/errors.js';
import { MAX_CLASSES } from '../base/labels.js';
import type { LabelMap } from '../media/image.js';
import { float16ToFloat32 } from '../tensor/half.js';
import { formatShape, type Shape, type Tensor } from '../tensor/tensor.js';
import { checkClassCount } from './describeNetwork.js';
import { interleaved } from './feed.js';
import type { CutNetwork } from './finalResize.js';
import type { NetworkDescription } from './network.js';
import { allFinite } from './nonFinite.js';
import type { PixelScores, Scores } from './scores.js';
import type { Layout } from './trace.js';

/** A frame whose scores are of no use; the frames beside it may be fine. */
export class UnusableFrameError extends SteadysegError {
  override name = 'UnusableFrameError';
}

/** The same error, naming the frame. */
export function ofFrame(stem: string, { message }: UnusableFrameError): UnusableFrameError {
  return new UnusableFrameError(`frame ${stem}: ${message}`);
}

/** The scores or labels of one run. */
export type NetworkResult = { readonly labels: LabelMap } | { readonly scores: Scores; readonly kind: PixelScores };

/** Reads an output. @throws SteadysegError for one that is not as described; UnusableFrameError for values that are no numbers. */
export function readResult(
  output: Tensor,
  description: NetworkDescription,
  cut: Omit<CutNetwork, 'content'> | undefined,
): NetworkResult {
  return description.output.kind === 'labels'
    ? { labels: labelsOf(output, description) }
    : scoresOf(output, description, cut);
}

/** Pixels that tell whether scores are probabilities. */
const SAMPLED_PIXELS = 4096;
/** The sum of probabilities may be this far from 1: float16 has three digits. */
const SUM_TOLERANCE = 5e-3;

function scoresOf(
  output: Tensor,
  description: NetworkDescription,
  cut: Omit<CutNetwork, 'content'> | undefined,
): NetworkResult {
  const { source, output: expected } = description;
  const { shape } = output;
  const planes = planesOf(shape, expected.layout);
  if (!planes || output.dtype === 'bool') {
    throw new SteadysegError(
      `${source}: expected scores of 1×classes×height×width, found that the output "${expected.name}" is ${output.dtype} ${formatShape(shape)}`,
    );
  }
  const { channels: maps, height, width } = planes;
  const classes = cut?.classes ?? maps;
  const { background } = expected;
  checkClassCount(classes + (background ? 1 : 0), description);
  if (classes === 1 && !background) {
    throw new SteadysegError(
      `${source}: expected scores of several classes, found one map in the output "${expected.name}", which its file does not say: name its two classes with --classes, or export it with fixed channels`,
    );
  }
  const values = floatsOf(output, expected.scale);
  if (!allFinite(values)) {
    throw new UnusableFrameError(
      `${source}: expected finite scores, found ${values.some(Number.isNaN) ? 'NaN' : 'infinity'} in the output "${expected.name}"`,
    );
  }
  const data = expected.layout === 'nhwc' ? separated(values, maps) : values;
  const { enlargement } = description;
  const scores: Scores = { classes, height, width, data, enlargement, enlarged: cut?.enlargement };
  const { kind = kindOfValues(scores, description) } = expected;
  return { scores, kind: kind === 'labels' ? 'logits' : kind };
}

/** Values as 32-bit floats, of which probabilities are multiplied by nothing any more. */
function floatsOf({ dtype, data }: Tensor, scale: number): Float32Array {
  if (dtype === 'float32' && scale === 1) return data as Float32Array;
  const values = dtype === 'float16' ? float16ToFloat32(data as Uint16Array) : Float32Array.from(data, Number);
  if (scale !== 1) for (let i = 0; i < values.length; i++) values[i] /= scale;
  return values;
}

/**
 * Whether scores are probabilities: all from 0 to 1, and of several classes 1 in sum.
 * @throws SteadysegError for one map that may as well be something else.
 */
function kindOfValues(scores: Scores, description: NetworkDescription): PixelScores {
  const { classes, height, width, data } = scores;
  if (classes === 1) return kindOfMap(data, description);
  const pixels = height * width;
  const step = Math.max(1, Math.floor(pixels / SAMPLED_PIXELS));
  for (let pixel = 0; pixel < pixels; pixel += step) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const value = data[c * pixels + pixel];
      if (value < 0 || value > 1) return 'logits';
      sum += value;
    }
    if (Math.abs(sum - 1) > SUM_TOLERANCE) return 'logits';
  }
  return 'softmax';
}

/** One map: scores lie on both sides of 0, probabilities between 0 and 1. */
function kindOfMap(values: Float32Array, { source, output: { name } }: NetworkDescription): PixelScores {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  if (lowest < 0) return 'logits';
  if (highest <= 1) return 'sigmoid';
  throw new SteadysegError(
    `${source}: expected probabilities from 0 to 1, or scores on both sides of 0, found ${lowest} to ${highest} in the only map of the output "${name}": where a pixel is foreground above 0, say --scores logits`,
  );
}

function labelsOf(output: Tensor, description: NetworkDescription): LabelMap {
  const { source, output: expected, classes } = description;
  const { shape, dtype, data } = output;
  const planes = planesOf(shape, expected.layout);
  if (planes?.channels !== 1) {
    throw new SteadysegError(
      `${source}: expected labels of 1×height×width, found that the output "${expected.name}" is ${dtype} ${formatShape(shape)}`,
    );
  }
  const { height, width } = planes;
  const count = description.classCount ?? Math.min(classes.classes.length, MAX_CLASSES);
  const labels = new Uint8Array(height * width);
  const values = dtype === 'float16' ? float16ToFloat32(data as Uint16Array) : data;
  for (let i = 0; i < labels.length; i++) {
    const label = Number(values[i]);
    if (!(Number.isInteger(label) && label >= 0 && label < count)) {
      throw new UnusableFrameError(
        `${source}: expected labels from 0 to ${count - 1} in the output "${expected.name}", found ${label}${Number.isFinite(label) ? ' (are these scores? --scores says)' : ''}`,
      );
    }
    labels[i] = label;
  }
  return { height, width, data: labels };
}

/** Channels and sides of an output of one picture, with or without an axis for the batch, and for channels. */
function planesOf(shape: Shape, layout: Layout): { channels: number; height: number; width: number } | undefined {
  if (shape.includes(0) || shape.length < 2 || shape.length > 4 || (shape.length === 4 && shape[0] !== 1))
    return undefined;
  const inner = shape.slice(-3);
  if (inner.length === 2) return { channels: 1, height: inner[0], width: inner[1] };
  const [a, b, c] = inner;
  return layout === 'nchw' ? { channels: a, height: b, width: c } : { channels: c, height: a, width: b };
}

/** Values `[pixels, channels]` as planes `[channels, pixels]`. */
function separated(values: Float32Array, channels: number): Float32Array {
  return channels === 1 ? values : interleaved(values, values.length / channels);
}
