// The graph of one training step: student on a labelled frame and its neighbour, losses, gradients of every weight.
import { gradients } from '../autodiff/gradients.js';
import { SteadysegError } from '../base/errors.js';
import { type MotionOptions, motionLoss } from '../losses/motion.js';
import { type SegmentationLossOptions, segmentationLoss } from '../losses/segmentation.js';
import type { Mode } from '../nets/mode.js';
import { buildNetwork } from '../nets/registry.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, type Graph, input, type Value } from '../onnx/graph.js';
import type { Model } from '../onnx/model.js';
import { add, mul } from '../onnx/ops.js';
import type { Shape } from '../tensor/tensor.js';

export interface StepOptions {
  /** Network by name, as in `nets/registry`. */
  readonly architecture: string;
  readonly classes: number;
  readonly widthMultiplier?: number | undefined;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** Channel dropout in the heads; the masks are then inputs of the step. */
  readonly dropout: boolean;
  readonly segmentation: SegmentationLossOptions;
  /** Weight of the motion loss; 0 trains on single frames. */
  readonly motionWeight: number;
  readonly motion?: MotionOptions | undefined;
  /** Whether an input `flowValid` says which flow counts. */
  readonly flowValidity?: boolean | undefined;
}

/** A running statistic and the step's outputs that it is updated from. */
export interface StatisticUpdate {
  readonly runningMean: string;
  readonly runningVariance: string;
  readonly batchMean: string;
  readonly batchVariance: string;
  readonly count: number;
}

/** Names of everything that goes into a step and comes out of it. */
export interface TrainingStep {
  readonly model: Model;
  readonly graph: Graph;
  /** Trained weights, and the output that holds the gradient of each. */
  readonly gradientOutputs: ReadonlyMap<string, string>;
  /** In order: a layer that runs on two frames is updated by the labelled frame first. */
  readonly statistics: readonly StatisticUpdate[];
  /** Loss terms by name, weights not applied; `loss` is the total. */
  readonly lossOutputs: readonly string[];
  /** Dropout masks to draw, by input name. */
  readonly dropoutMasks: ReadonlyMap<string, Shape>;
}

/** Inputs: `image`, `labels`, and with the motion loss `neighbour`, `flow` and perhaps `flowValid`; weights by their names; dropout masks. */
export function buildTrainingStep(options: StepOptions): TrainingStep {
  const { batch, height, width, motionWeight } = options;
  const graph = createGraph(`train ${options.architecture}`, { winograd: true });
  const image = input(graph, 'image', 'float32', [batch, 3, height, width]);
  const labels = input(graph, 'labels', 'uint8', [batch, height, width]);
  const dropoutMasks = new Map<string, Shape>();
  const forward = (frame: Value, pass: string) => {
    const dropoutMask = (head: string, shape: Shape) => {
      const name = `dropout.${pass}.${head}`;
      dropoutMasks.set(name, shape);
      return input(graph, name, 'float32', shape);
    };
    const mode: Mode = { kind: 'training', ...(options.dropout && { dropoutMask }) };
    return buildNetwork(options.architecture, graph, frame, {
      classes: options.classes,
      widthMultiplier: options.widthMultiplier ?? 1,
      mode,
    });
  };

  const heads = forward(image, 'frame');
  const terms: Record<string, Value> = { segmentation: segmentationLoss(heads, labels, options.segmentation) };
  let loss = terms.segmentation;
  if (motionWeight !== 0) {
    const neighbour = input(graph, 'neighbour', 'float32', [batch, 3, height, width]);
    const flow = input(graph, 'flow', 'float32', [batch, 2, height, width]);
    const { logits } = forward(neighbour, 'neighbour');
    const valid = options.flowValidity ? input(graph, 'flowValid', 'float32', [batch, 1, height, width]) : undefined;
    terms.motion = motionLoss(
      { logits: heads.logits, neighbourLogits: logits, image, neighbour, flow, valid },
      options.motion,
    );
    loss = add(loss, mul(terms.motion, motionWeight));
  }
  return compile(graph, loss, terms, dropoutMasks);
}

function compile(
  graph: Graph,
  loss: Value,
  terms: Readonly<Record<string, Value>>,
  dropoutMasks: Map<string, Shape>,
): TrainingStep {
  const weights = [...graph.parameters].filter(([, { role }]) => role === 'weight');
  const computed = gradients(
    graph,
    loss,
    weights.map(([, { value }]) => value),
  );
  const outputs: Record<string, Value> = { loss, ...terms };
  const gradientOutputs = new Map<string, string>();
  weights.forEach(([name], i) => {
    outputs[`gradient.${name}`] = computed[i];
    gradientOutputs.set(name, `gradient.${name}`);
  });
  const statistics = graph.batchStatistics.map(({ runningMean, runningVariance, batchMean, batchVariance, count }) => {
    if (count < 2)
      throw new SteadysegError(
        `${runningMean.name}: a batch of one value a channel cannot be normalised; use a larger batch or crop`,
      );
    outputs[batchMean.name] = batchMean;
    outputs[batchVariance.name] = batchVariance;
    return {
      runningMean: runningMean.name,
      runningVariance: runningVariance.name,
      batchMean: batchMean.name,
      batchVariance: batchVariance.name,
      count,
    };
  });
  const model = exportModel(graph, outputs);
  return { model, graph, gradientOutputs, statistics, lossOutputs: ['loss', ...Object.keys(terms)], dropoutMasks };
}
