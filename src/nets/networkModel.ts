// A network with its weights as a model file that describes itself, and back: from it the network is rebuilt at any size.
import { SteadysegError } from '../base/errors.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input } from '../onnx/graph.js';
import { fromHalfStorage } from '../onnx/halfStorage.js';
import { describeModel, descriptionKey, type ModelDescription, readDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import type { Tensor } from '../tensor/tensor.js';
import { loadStateDict } from '../weights/stateDict.js';
import type { TensorInfo } from '../weights/weightsFile.js';
import { inference } from './mode.js';
import { architectureName, buildNetwork } from './registry.js';
import { type StateDictEntry, stateDictEntries } from './stateDict.js';

/** Prefix of the auxiliary head, which inference does not run. */
const auxiliary = /^aux\./;
/** Its first dimension is the number of classes, in every network. */
const classifierName = 'cls.4.weight';

export interface NetworkModelOptions {
  /** Name of the network, as `registry.ts` lists them. */
  readonly architecture: string;
  readonly height: number;
  readonly width: number;
  readonly widthMultiplier?: number | undefined;
  /** The state dict: every tensor of the network, in any floating type; the auxiliary head may be absent. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Class names, palette, normalisation, training record. */
  readonly description?: ModelDescription | undefined;
  /** Whether to keep the weights of the auxiliary head in the file, though nothing runs them; default true. */
  readonly keepAuxiliary?: boolean | undefined;
  /** Other metadata entries. */
  readonly metadata?: ReadonlyMap<string, string> | undefined;
  /** What the weights are called in errors. */
  readonly source: string;
}

/**
 * The model of a network at an input size: input `image` (1×3×height×width), output `logits` (1×classes×h×w).
 * The number of classes is that of the weights.
 * @throws SteadysegError with names and shapes when the weights do not fit the network; UsageError for an unknown network.
 */
export function networkModel(options: NetworkModelOptions): Model {
  const { weights, source, widthMultiplier = 1, keepAuxiliary = true } = options;
  const architecture = architectureName(options.architecture);
  const graph = createGraph(architecture);
  const image = input(graph, 'image', 'float32', [1, 3, options.height, options.width]);
  const classes = classCountOf(weights, source);
  const { logits } = buildNetwork(architecture, graph, image, { classes, mode: inference, widthMultiplier });

  const hasAuxiliary = [...weights.keys()].some((name) => auxiliary.test(name));
  const expected = new Map<string, TensorInfo>(
    stateDictEntries(graph)
      .filter(({ name }) => hasAuxiliary || !auxiliary.test(name))
      .map((entry: StateDictEntry) => [entry.name, entry]),
  );
  const loaded = loadStateDict(expected, weights, source);
  const description: ModelDescription = { ...options.description, architecture, widthMultiplier };
  const metadata = new Map([...(options.metadata ?? []), describeModel(description)]);
  const model = exportModel(graph, { logits }, { weights: loaded, metadata });
  if (!keepAuxiliary) return model;
  const unused = [...loaded].filter(([name]) => auxiliary.test(name) && graph.parameters.has(name));
  const initializers = new Map([...model.graph.initializers, ...unused]);
  return { ...model, graph: { ...model.graph, initializers } };
}

function classCountOf(weights: ReadonlyMap<string, Tensor>, source: string): number {
  const classifier = weights.get(classifierName);
  if (classifier && classifier.shape.length > 0) return classifier.shape[0];
  throw new SteadysegError(
    `${source}: expected the weights of a segmentation network, found no ${classifierName} among ${weights.size} tensors`,
  );
}

/** A network read back from its model file. */
export interface ReadNetwork {
  readonly architecture: string;
  readonly widthMultiplier: number;
  readonly weights: Map<string, Tensor>;
  readonly description: ModelDescription;
  /** Metadata entries other than the description. */
  readonly metadata: Map<string, string>;
}

/** Reads the network out of a model made by `networkModel`; undefined when the model does not say what network it is. */
export function readNetwork(model: Model, source: string): ReadNetwork | undefined {
  const description = readDescription(model.metadata, source);
  if (description.architecture === undefined) return undefined;
  const architecture = architectureName(description.architecture);
  const { widthMultiplier = 1 } = description;
  const { initializers } = fromHalfStorage(model).graph;
  const metadata = new Map(model.metadata);
  metadata.delete(descriptionKey);
  // The size does not matter for names: any will do.
  const graph = createGraph(architecture);
  const image = input(graph, 'image', 'float32', [1, 3, 64, 64]);
  const classes = classCountOf(initializers, source);
  buildNetwork(architecture, graph, image, { classes, mode: inference, widthMultiplier });
  const names = [...graph.parameters.keys()];
  const weights = new Map(names.flatMap((name) => [...entry(initializers, name)]));
  return { architecture, widthMultiplier, weights, description, metadata };
}

function entry(tensors: ReadonlyMap<string, Tensor>, name: string): [string, Tensor][] {
  const value = tensors.get(name);
  return value ? [[name, value]] : [];
}

/**
 * The same network, weights and description at another input size.
 * @throws SteadysegError when the model does not say what network it is, as those of other programs.
 */
export function resizeNetworkModel(model: Model, size: { height: number; width: number }, source: string): Model {
  const network = readNetwork(model, source);
  if (!network) {
    throw new SteadysegError(
      `${source}: expected a model that names its architecture in its metadata, so that it can be rebuilt at another size, found none`,
    );
  }
  return networkModel({ ...network, ...size, source });
}
