// The weights of a network: the names and shapes it has, and reading them back from its model file.
import { SteadysegError } from '../base/errors.js';
import { fromStorage } from '../onnx/compactStorage.js';
import { createGraph, input } from '../onnx/graph.js';
import { readDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import { formatShape, sameShape, type Tensor, zeros } from '../tensor/tensor.js';
import type { TensorInfo } from '../weights/weightsFile.js';
import { flowNet2 } from './flownet2/flowNet2.js';
import { inference } from './mode.js';
import { architectureName, buildNetwork, classifierNames, findArchitecture } from './registry.js';
import { stateDictEntries } from './stateDictEntries.js';

/** The flow network; all others are segmentation networks. */
export const flowNetworkName = 'flownet2';

export function isFlowNetwork(architecture: string): boolean {
  return architecture.toLowerCase() === flowNetworkName;
}

/** Whether a network of this name can be built. */
export function isKnownNetwork(architecture: string): boolean {
  return isFlowNetwork(architecture) || findArchitecture(architecture) !== undefined;
}

/** Whether a state-dict name belongs to a head that only training has: auxiliary ones, and PIDNet's boundary head. */
export function isAuxiliary(name: string): boolean {
  return /^(aux|seghead_(p|d|extra))\./.test(name);
}

/** The number of classes in a segmentation network's weights. `source` names them in errors. */
export function classCountOf(weights: ReadonlyMap<string, Tensor>, source: string): number {
  for (const name of classifierNames) {
    const classifier = weights.get(name);
    if (classifier && classifier.shape.length > 0) return classifier.shape[0];
  }
  throw new SteadysegError(
    `${source}: expected the weights of a segmentation network, found none of ${classifierNames.join(', ')} among ${weights.size} tensors`,
  );
}

/**
 * The state dict that a network has with as many classes as `weights`, in its order: without the auxiliary head when
 * they have none.
 * @throws UsageError for an unknown architecture; SteadysegError when the weights are not those of such a network.
 */
export function expectedWeights(
  architecture: string,
  widthMultiplier: number,
  weights: ReadonlyMap<string, Tensor>,
  source: string,
): Map<string, TensorInfo> {
  const graph = createGraph(architecture);
  // The names and shapes are the same at any size.
  const image = (name: string) => input(graph, name, 'float32', [1, 3, 64, 64]);
  if (isFlowNetwork(architecture)) flowNet2(image('first'), image('second'));
  else {
    const known = architectureName(architecture, [flowNetworkName]);
    const classes = classCountOf(weights, source);
    buildNetwork(known, graph, image('image'), { classes, mode: inference, widthMultiplier });
  }
  const hasAuxiliary = [...weights.keys()].some(isAuxiliary);
  const entries = stateDictEntries(graph).filter(({ name }) => hasAuxiliary || !isAuxiliary(name));
  return new Map(entries.map((entry) => [entry.name, entry]));
}

/**
 * The state dict of a model made by `buildModel`, in float32 and in PyTorch's order, its counters zero; undefined when
 * the model does not say what network it is, or says one that cannot be built here.
 * @throws SteadysegError when the model lacks some of the weights or has them in another shape.
 */
export function weightsOfModel(model: Model, source: string): Map<string, Tensor> | undefined {
  const { architecture, widthMultiplier = 1 } = readDescription(model.metadata, source);
  if (architecture === undefined || !isKnownNetwork(architecture)) return undefined;
  const { initializers } = fromStorage(model).graph;
  const weights = new Map<string, Tensor>();
  for (const [name, { dtype, shape }] of expectedWeights(architecture, widthMultiplier, initializers, source)) {
    const value = initializers.get(name) ?? (dtype === 'int64' ? zeros(dtype, shape) : undefined);
    if (!value) throw new SteadysegError(`${source}: expected the weights of ${architecture}, found no ${name} in it`);
    if (!sameShape(value.shape, shape)) {
      throw new SteadysegError(
        `${source}: ${name}: expected ${formatShape(shape)} in ${architecture}, found ${formatShape(value.shape)}`,
      );
    }
    weights.set(name, value);
  }
  return weights;
}
