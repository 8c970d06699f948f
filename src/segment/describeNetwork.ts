// Decides how a network takes pixels and what its output means: from its graph, its metadata, the files beside it and the caller's word.

import { SteadysegError, UsageError } from '../base/errors.js';
import { MAX_CLASSES } from '../base/labels.js';
import type { Size } from '../media/image.js';
import { type Dimension, feedInputs, type Model, type ValueInfo } from '../onnx/model.js';
import { type ChosenOutput, chooseOutput } from './chooseOutput.js';
import { allows, fixedSize, formatDimensions } from './dimensions.js';
import {
  type DescribeOptions,
  type FoundNetwork,
  inputTypes,
  type NetworkDescription,
  type NetworkInput,
  type NetworkOutput,
} from './network.js';
import { classesOfNetwork } from './networkClasses.js';
import { findNonFinite } from './nonFinite.js';
import { ownNormalisation } from './ownNormalisation.js';
import { applyPreprocessing, type PreprocessingConfig, type PreprocessingOptions } from './preprocessing.js';
import { type Layout, traceInput } from './trace.js';
import { checkValueSizes } from './valueSizes.js';
import { isSide, MAX_SIDE } from './views.js';

/**
 * Describes a segmentation network: one picture in, and an output with a map of scores for each class, or one map, or labels.
 *
 * @throws SteadysegError, naming the file, the expected and the found, when it is no such network, or when it has several
 * outputs that may be meant; UsageError for options that contradict the network.
 */
export function describeNetwork(found: FoundNetwork, options: DescribeOptions = {}): NetworkDescription {
  const { source, model, metadata } = found;
  const notes: string[] = [];
  const input = inputOf(model, source);
  const config = preprocessingFor(found, input, applyPreprocessing(found.config, options), options, notes);
  const [height, width] = sizeOf(input, options.size, config.size, source);
  const names = options.classes?.classes ?? metadata.classes ?? found.labels?.names;
  const chosen = chooseOutput(model, {
    source,
    names,
    size: { height, width },
    output: options.output,
    scores: options.scores,
  });
  if (chosen.channels !== undefined) checkCountable(chosen.channels, source);
  const { classes, background, classCount, ...told } = classesOfNetwork(found, chosen, options);
  if (classCount !== undefined) checkClassCount(classCount, { source, classes });
  const odd = findNonFinite(model);
  for (const note of [...chosen.notes, ...told.notes, ...(odd ? [odd] : [])]) notes.push(`${source}: ${note}`);
  const description: NetworkDescription = {
    source,
    input: { name: input.value.name, dtype: input.dtype, layout: input.layout },
    output: { ...outputOf(chosen), background },
    height,
    width,
    sizeMultiple: sizeMultipleOf(options.sizeMultiple ?? metadata.sizeMultiple ?? config.sizeMultiple, source),
    preprocessing: config.preprocessing,
    enlargement: metadata.enlargement,
    classes,
    classCount,
    notes,
  };
  checkValueSizes(model, description);
  return description;
}

function outputOf({ name, layout, kind, scale, channels }: ChosenOutput): Omit<NetworkOutput, 'background'> {
  return { name, layout, kind, scale, channels };
}

/** @throws SteadysegError for more classes than labels can be, or than have names. */
export function checkClassCount(
  found: number,
  { source, classes }: Pick<NetworkDescription, 'source' | 'classes'>,
): void {
  checkCountable(found, source);
  const { length } = classes.classes;
  if (found > length) {
    throw new SteadysegError(
      `${source}: expected at most the ${length} classes of "${classes.name}", found a network of ${found}: choose another --preset, or name them with --classes`,
    );
  }
}

/** Before anything is made for each of them. */
function checkCountable(found: number, source: string): void {
  if (found <= MAX_CLASSES) return;
  throw new SteadysegError(`${source}: expected at most ${MAX_CLASSES} classes (labels are bytes), found ${found}`);
}

interface ImageInput {
  readonly value: ValueInfo;
  readonly dtype: NetworkInput['dtype'];
  readonly layout: Layout;
}

/** The one input, and where its channels are. */
function inputOf(model: Model, source: string): ImageInput {
  const inputs = feedInputs(model.graph);
  if (inputs.length !== 1) {
    const names = inputs.map(({ name }) => name).join(', ');
    throw new SteadysegError(
      `${source}: expected a network with one input, found ${inputs.length}${names && ` (${names})`}`,
    );
  }
  const [value] = inputs;
  const dtype = inputTypes.find((known) => known === value.type?.dtype);
  if (!dtype) {
    throw new SteadysegError(
      `${source}: expected a float32, float16 or uint8 input, found that "${value.name}" is ${value.type?.dtype ?? 'no tensor'}`,
    );
  }
  const { shape } = value.type ?? {};
  const layout = layoutOf(shape, model, value.name);
  if (!layout) {
    throw new SteadysegError(
      `${source}: expected an input of 1×3×height×width or 1×height×width×3, found that "${value.name}" is ${formatDimensions(shape ?? [])}`,
    );
  }
  return { value, dtype, layout };
}

/** A dimension of 3 tells; of two the first node that minds does, else planes are usual. */
function layoutOf(shape: readonly Dimension[] | undefined, model: Model, name: string): Layout | undefined {
  if (!shape) return traceInput(model, name) ?? 'nchw';
  if (shape.length !== 4 || !allows(shape[0], 1)) return undefined;
  const planes = allows(shape[1], 3);
  const interleaved = allows(shape[3], 3);
  if (!planes || !interleaved) return planes ? 'nchw' : interleaved ? 'nhwc' : undefined;
  if (shape[1] !== shape[3] && (shape[1] === 3 || shape[3] === 3)) return shape[1] === 3 ? 'nchw' : 'nhwc';
  return traceInput(model, name) ?? 'nchw';
}

/** Networks that take bytes normalise them themselves, and so do others whose first nodes do; what is said goes before what they tell. */
function preprocessingFor(
  { model, source }: FoundNetwork,
  { value, dtype }: ImageInput,
  config: PreprocessingConfig,
  { mean, std, scale }: PreprocessingOptions,
  notes: string[],
): PreprocessingConfig {
  if (dtype !== 'uint8') {
    notes.push(...config.notes);
    if (config.origin !== undefined) return config;
    const unsaid = `${source}: its normalisation is said nowhere`;
    const otherwise = '(--mean, --std and --scale give another)';
    const own = ownNormalisation(model, value.name);
    if (!own) {
      notes.push(`${unsaid}: ImageNet's is taken ${otherwise}`);
      return config;
    }
    const { white, operators } = own;
    notes.push(
      `${unsaid}, and its first nodes do one (${operators.join(', ')}): pixels go in as 0..${white} ${otherwise}`,
    );
    const range = 255 / white;
    const { channelOrder } = config.preprocessing;
    return { ...config, preprocessing: { mean: [0, 0, 0], std: [range, range, range], channelOrder } };
  }
  if (mean || std || scale !== undefined) {
    throw new UsageError(
      `${source}: expected no mean, std or scale for a network that takes bytes ("${value.name}" is uint8), found some`,
    );
  }
  const { channelOrder } = config.preprocessing;
  return { ...config, preprocessing: { mean: [0, 0, 0], std: [1, 1, 1], channelOrder } };
}

/** The input size: fixed by the network, else asked for, else said beside the model, else free. */
function sizeOf(
  { value, layout }: ImageInput,
  asked: Size | undefined,
  configured: Size | undefined,
  source: string,
): [height: number | undefined, width: number | undefined] {
  const shape = value.type?.shape ?? [];
  const [height = null, width = null] = layout === 'nchw' ? shape.slice(2) : shape.slice(1);
  const clash =
    asked &&
    ((fixedSize(height) ?? asked.height) !== asked.height || (fixedSize(width) ?? asked.width) !== asked.width);
  if (clash) {
    throw new UsageError(
      `${source}: expected the network's own size ${height}x${width}, found --size ${asked.height}x${asked.width}`,
    );
  }
  const free = asked ?? configured;
  const size: [number | undefined, number | undefined] = [
    fixedSize(height) ?? free?.height,
    fixedSize(width) ?? free?.width,
  ];
  if (size.every((side) => side === undefined || isSide(side))) return size;
  throw new (asked ? UsageError : SteadysegError)(
    `${source}: expected an input of whole sides from 1 to ${MAX_SIDE} pixels, found ${size.map((side) => side ?? '?').join('x')}`,
  );
}

/** A free size is rounded to a multiple of this. */
function sizeMultipleOf(sizeMultiple: number | undefined = 1, source: string): number {
  if (isSide(sizeMultiple)) return sizeMultiple;
  throw new SteadysegError(
    `${source}: expected its size to be a multiple of 1 to ${MAX_SIDE} pixels, found ${sizeMultiple}`,
  );
}
