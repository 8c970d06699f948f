// Makes model files of networks by name, and makes them again at another size from themselves.
import { SteadysegError, UsageError } from '../base/errors.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, type Graph, input, type Value } from '../onnx/graph.js';
import { describeModel, type ModelDescription, readDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import { withWinograd } from '../onnx/winograd.js';
import type { Tensor } from '../tensor/tensor.js';
import { flowNet2, flowNet2SizeMultiple } from './flownet2/flowNet2.js';
import { initializeParameters } from './initialize.js';
import { inference } from './mode.js';
import { classCountOf, flowNetworkName, isAuxiliary, isFlowNetwork, weightsOfModel } from './networkWeights.js';
import { imageNetMean, imageNetStd } from './normalization.js';
import { architectureName, architectureOf, buildNetwork } from './registry.js';

/** What `buildModel` takes. */
export interface ModelOptions {
  /** One of `architectureNames`, or `flownet2`. */
  readonly architecture: string;
  /** Size of the input images. */
  readonly height: number;
  readonly width: number;
  /** Number of classes; FlowNet2 has none. */
  readonly classes?: number;
  /** By state-dict name. Default: initial weights. */
  readonly weights?: ReadonlyMap<string, Tensor>;
  /** Factor on the channel numbers of PSPNet-18 and PSPNet-MobileNetV2. Default 1. */
  readonly widthMultiplier?: number;
  /** Whether the heads of training are kept, as outputs `dsn` (and `boundary` of PIDNet) that cost time. Default false. */
  readonly auxiliary?: boolean;
  /** Whether the weights of the auxiliary head stay in the file though nothing runs them, so that no weights are lost. Default false. */
  readonly keepAuxiliary?: boolean;
  /**
   * Whether wide 3×3 convolutions are computed by Winograd's method: 1.2 to 1.4 times faster on a CPU for PSPNet-18, for
   * twice the memory. Default false, which other devices and quantisation want.
   */
  readonly winograd?: boolean;
  /** What the model says of itself beside architecture and normalisation: class names, palette, training. */
  readonly description?: ModelDescription;
  /** Other metadata entries. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** Seed of the weights of models that are made without any. */
const defaultSeed = 0;

/**
 * A model of a network: a segmentation network takes `image` [1,3,height,width] (RGB, normalised as SPEC §0) and gives
 * `logits`; FlowNet2 takes `first` and `second` [1,3,height,width] (RGB, 0..255) and gives `flow` [1,2,height,width].
 *
 * @throws UsageError for an unknown architecture or sizes it cannot have; SteadysegError when weights are missing or of another shape.
 */
export function buildModel(options: ModelOptions): Model {
  const { height, width, description = {} } = options;
  if (!(Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0)) {
    throw new UsageError(`expected a size in whole pixels, found ${height}x${width}`);
  }
  const graph = createGraph(options.architecture);
  const image = (name: string) => input(graph, name, 'float32', [1, 3, height, width]);
  if (isFlowNetwork(options.architecture)) {
    if (Math.min(height, width) < flowNet2SizeMultiple) {
      throw new UsageError(
        `expected at least ${flowNet2SizeMultiple}x${flowNet2SizeMultiple} pixels for FlowNet2, found ${height}x${width}`,
      );
    }
    const flow = flowNet2(image('first'), image('second'));
    return withWeights(graph, { flow }, options, { ...description, architecture: flowNetworkName });
  }
  const { classes, widthMultiplier = 1, auxiliary = false } = options;
  if (classes === undefined)
    throw new UsageError(`expected a number of classes for ${options.architecture}, found none`);
  const architecture = architectureName(options.architecture, [flowNetworkName]);
  const outputs = buildNetwork(architecture, graph, image('image'), { classes, widthMultiplier, mode: inference });
  const named = {
    logits: outputs.logits,
    ...(auxiliary && outputs.auxiliary && { dsn: outputs.auxiliary }),
    ...(auxiliary && outputs.boundary && { boundary: outputs.boundary }),
  };
  return withWeights(graph, named, options, {
    mean: [...imageNetMean],
    std: [...imageNetStd],
    ...description,
    architecture,
    enlargement: architectureOf(architecture).enlargement,
    ...(widthMultiplier !== 1 && { widthMultiplier }),
  });
}

/**
 * The same network for images of another size: built anew by the architecture its metadata names, with its own weights.
 *
 * @param source what the model is called in errors.
 * @throws SteadysegError when the model does not say what it is, or was changed since.
 */
export function resizeModel(model: Model, height: number, width: number, source: string): Model {
  const description = readDescription(model.metadata, source);
  const { architecture, widthMultiplier } = description;
  const weights = weightsOfModel(model, source);
  if (!architecture || !weights) {
    throw new SteadysegError(
      `${source}: expected metadata that names the architecture, found ${architecture === undefined ? 'none' : `${architecture}, which is not known`}: export the model at ${height}x${width} where it was made`,
    );
  }
  return buildModel({
    architecture,
    height,
    width,
    ...(!isFlowNetwork(architecture) && { classes: classCountOf(weights, source) }),
    weights,
    ...(widthMultiplier !== undefined && { widthMultiplier }),
    auxiliary: model.graph.outputs.some(({ name }) => name === 'dsn'),
    keepAuxiliary: [...weights.keys()].some(isAuxiliary),
    description,
    metadata: model.metadata,
  });
}

function withWeights(
  graph: Graph,
  outputs: Record<string, Value>,
  options: ModelOptions,
  description: ModelDescription,
): Model {
  const weights = options.weights ?? initializeParameters(graph, defaultSeed);
  const metadata = new Map([...(options.metadata ?? []), describeModel(description)]);
  const fast = options.winograd ? withWinograd(graph) : undefined;
  const model = exportModel(fast?.graph ?? graph, fast?.values(outputs) ?? outputs, { weights, metadata });
  const missing = [...graph.parameters.keys()].filter((name) => model.graph.inputs.some((info) => info.name === name));
  if (missing.length > 0) {
    throw new SteadysegError(
      `the weights lack ${missing.length} of ${options.architecture}'s parameters: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ', …' : ''}`,
    );
  }
  if (!options.keepAuxiliary) return model;
  const kept = [...graph.parameters.keys()].flatMap((name): [string, Tensor][] => {
    const value = isAuxiliary(name) ? weights.get(name) : undefined;
    return value ? [[name, value]] : [];
  });
  const initializers = new Map([...model.graph.initializers, ...kept]);
  return { ...model, graph: { ...model.graph, initializers } };
}
