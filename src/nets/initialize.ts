// Weights of a network before any training.
import type { Graph, Initialization } from '../onnx/graph.js';
import { createRandom, deriveSeed } from '../tensor/random.js';
import { elementCount, type Tensor, tensor } from '../tensor/tensor.js';

/**
 * Every declared parameter of a graph by name, filled as declared. Each has random numbers of its own, from the seed and
 * its name: they do not depend on what else the graph holds.
 */
export function initializeParameters(graph: Graph, seed: number): Map<string, Tensor<'float32'>> {
  const weights = new Map<string, Tensor<'float32'>>();
  for (const [name, { value, initialization }] of graph.parameters) {
    const draw = generator(initialization, deriveSeed(seed, 'initialize', name));
    const data = new Float32Array(elementCount(value.shape));
    for (let i = 0; i < data.length; i++) data[i] = draw();
    weights.set(name, tensor('float32', value.shape, data));
  }
  return weights;
}

function generator(initialization: Initialization, seed: number): () => number {
  const random = createRandom(seed);
  switch (initialization.kind) {
    case 'constant':
      return () => initialization.value;
    case 'normal':
      return () => initialization.deviation * random.normal();
    case 'kaimingNormal': {
      const deviation = Math.sqrt(2 / initialization.fan);
      return () => deviation * random.normal();
    }
    case 'uniform': {
      const bound = 1 / Math.sqrt(initialization.fan);
      return () => bound * (2 * random.uniform() - 1);
    }
  }
}
