// Refuses a network whose values are out of proportion to its picture, before the engine takes memory and time for them.
import { SteadysegError } from '../base/errors.js';
import { neededNodes, type Value } from '../onnx/graph.js';
import { importModel } from '../onnx/import.js';
import type { Model } from '../onnx/model.js';
import { elementCount, type Shape } from '../tensor/tensor.js';
import { inputSize } from './inputSize.js';
import type { NetworkDescription } from './network.js';

/** A value of so many elements is taken whatever the picture: 64 MiB of floats. */
const MAX_ELEMENTS = 2 ** 24;
/** And of so many for each pixel of the picture: feature maps take up to 128, attention between all patches some hundreds. */
const MAX_ELEMENTS_PER_PIXEL = 2 ** 12;
/** At this size a network of free size is looked at. */
const NOMINAL_SIDE = 64;

/**
 * Looks at the shapes of all values that the output needs; a file of a kilobyte can pad a picture of 8×8 to gigabytes.
 * Networks of operators whose shapes are not known here pass.
 * @throws SteadysegError naming the value.
 */
export function checkValueSizes(
  model: Model,
  network: Pick<NetworkDescription, 'source' | 'input' | 'output' | 'height' | 'width' | 'sizeMultiple'>,
): void {
  const { source, input, output } = network;
  const { height, width } = inputSize(network, { height: NOMINAL_SIDE, width: NOMINAL_SIDE });
  const shape = input.layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
  const limit = Math.max(MAX_ELEMENTS, MAX_ELEMENTS_PER_PIXEL * height * width);
  for (const { name, shape: found } of valuesOf(model, { [input.name]: shape }, output.name)) {
    if (elementCount(found) <= limit) continue;
    throw new SteadysegError(
      `${source}: expected values of at most ${limit} elements for a picture of ${height}x${width}, found "${name}" of ${found.join('×')}`,
    );
  }
}

function valuesOf(model: Model, inputShapes: Readonly<Record<string, Shape>>, output: string): Value[] {
  try {
    const value = importModel(model, { inputShapes }).outputs[output];
    return value === undefined ? [] : [...neededNodes([value])].flatMap(({ outputs }) => outputs);
  } catch (thrown) {
    // Not everything the engine runs is understood here.
    if (thrown instanceof SteadysegError) return [];
    throw thrown;
  }
}
