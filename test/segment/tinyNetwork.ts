// A network of one convolution, small enough to be made in a test: one image in, scores out.
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import type { Dimension, Model, ValueInfo } from '#src/onnx/model.js';
import * as ops from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, tensor } from '#src/tensor/tensor.js';

export interface TinyOptions {
  classes?: number;
  height?: number;
  width?: number;
  channels?: number;
  /** Scores are smaller than the input by this factor. */
  stride?: number;
  /** Height and width of the file are symbolic: the network takes any. */
  free?: boolean;
  metadata?: ReadonlyMap<string, string>;
}

/** Metadata that say how the network takes pixels, so that nothing is guessed. */
export const normalised: ReadonlyMap<string, string> = new Map([
  ['mean', '[123.675, 116.28, 103.53]'],
  ['std', '[58.395, 57.12, 57.375]'],
]);

export function tinyModel(options: TinyOptions = {}): Model {
  const { classes = 4, height = 12, width = 16, channels = 3, stride = 1, free = false, metadata } = options;
  const graph = createGraph('tiny');
  const image = input(graph, 'image', 'float32', [1, channels, height, width]);
  const weight = constant(graph, symmetricByName('tiny.weight', [classes, channels, 3, 3], 1));
  const bias = constant(graph, symmetricByName('tiny.bias', [classes], 1));
  const logits = ops.conv(image, weight, bias, { pads: [1, 1, 1, 1], strides: [stride, stride] });
  const model = exportModel(graph, { logits }, metadata ? { metadata } : {});
  return free ? withShapes(model, [1, channels, 'height', 'width'], [1, classes, 'h', 'w']) : model;
}

export function tinyNetwork(options: TinyOptions = {}): Uint8Array {
  return writeModel(tinyModel(options));
}

/** Two convolutions whose weights have names, as those that train do. */
export function adaptableModel(options: Pick<TinyOptions, 'height' | 'width' | 'free' | 'metadata'> = {}): Model {
  const { height = 12, width = 16, free = false, metadata } = options;
  const graph = createGraph('adaptable');
  const image = input(graph, 'image', 'float32', [1, 3, height, width]);
  const weight = (name: string, shape: number[]) => constant(graph, symmetricByName(name, shape, 0.6), name);
  const pads = [1, 1, 1, 1];
  const x = ops.relu(ops.conv(image, weight('a.weight', [6, 3, 3, 3]), weight('a.bias', [6]), { pads }));
  const scores = ops.conv(x, weight('b.weight', [4, 6, 3, 3]), undefined, { pads });
  const model = exportModel(graph, { scores }, metadata ? { metadata } : {});
  return free ? withShapes(model, [1, 3, 'height', 'width'], [1, 4, 'height', 'width']) : model;
}

/** The same nodes with other declared shapes. */
export function withShapes(model: Model, inputShape: Dimension[], outputShape: Dimension[]): Model {
  const reshaped = (value: ValueInfo, shape: Dimension[]): ValueInfo => ({
    ...value,
    type: { dtype: 'float32', shape },
  });
  const { graph } = model;
  return {
    ...model,
    graph: {
      ...graph,
      inputs: graph.inputs.map((value) => reshaped(value, inputShape)),
      outputs: graph.outputs.map((value) => reshaped(value, outputShape)),
    },
  };
}

/** A network that adds two images. */
export function twoInputNetwork(): Uint8Array {
  const graph = createGraph('two');
  const first = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  const second = input(graph, 'previous', 'float32', [1, 3, 8, 8]);
  return writeModel(exportModel(graph, { logits: ops.add(first, second) }));
}

/** A network whose output is one number a class. */
export function classifierNetwork(): Uint8Array {
  const graph = createGraph('classifier');
  const image = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  return writeModel(exportModel(graph, { logits: ops.reshape(ops.globalAveragePool(image), [1, 3]) }));
}

/** A network whose scores are the input's own pixels: the label is the brightest channel. */
export function brightestChannel(height: number, width: number, dtype: 'float32' | 'float16' = 'float32'): Uint8Array {
  const graph = createGraph('brightest');
  const image = input(graph, 'image', dtype, [1, 3, height, width]);
  const one = dtype === 'float16' ? tensor('float16', [1], Uint16Array.of(0x3c00)) : float32([1], [1]);
  return writeModel(exportModel(graph, { logits: ops.mul(image, constant(graph, one)) }));
}
