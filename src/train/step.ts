// The graph of one training step: student on the frames of a sample, losses, gradients of every weight.
import { gradients } from '../autodiff/gradients.js';
import { SteadysegError, UsageError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { labelsAtBoundaries } from '../losses/boundary.js';
import type { ConsensusClasses } from '../losses/consensus.js';
import type { MotionOptions } from '../losses/motion.js';
import { convLstmName } from '../losses/multiFrame.js';
import { weightsOverRanks } from '../losses/sampleWeights.js';
import { headLoss, type SegmentationLossOptions, segmentationLoss } from '../losses/segmentation.js';
import type { Mode } from '../nets/mode.js';
import type { StatisticsMode } from '../onnx/batchStatistics.js';
import { type CutGraph, cutGraph } from '../onnx/cut.js';
import { exportModel } from '../onnx/export.js';
import { constant, createGraph, type Graph, input, type Value } from '../onnx/graph.js';
import { halfPrecisionGraph } from '../onnx/halfPrecision.js';
import type { Model } from '../onnx/model.js';
import { add, cast, div, exp, gather, log, matMul, mul, reduceMax, reshape, slice, sub } from '../onnx/ops.js';
import { portableGraph } from '../onnx/portable.js';
import { bilinear } from '../onnx/resample.js';
import { withWinograd } from '../onnx/winograd.js';
import { defaultPreprocessing } from '../segment/preprocessing.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { type DType, type Shape, tensor } from '../tensor/tensor.js';
import { type ClassMap, isSameOrder } from './classMap.js';
import {
  type DistillationOptions,
  type FrameCount,
  type FrameName,
  frameNames,
  framesFor,
  type LossSite,
  type LossTerm,
  type LossWeights,
  lossTerms,
  type NetworkPair,
  type OwnLoss,
} from './lossTable.js';
import { normalize, sameNormalization } from './normalize.js';
import type { Student, StudentOutputs } from './student.js';
import type { MapShape, TeacherOutput } from './teacher.js';

/** What a step computes in. */
export type Precision = 'float32' | 'mixed';

/** The input of a step of mixed precision that the loss is multiplied by for the way back. */
export const lossScaleInput = 'lossScale';

export interface StepOptions {
  readonly student: Student;
  /** Element type of the frames that it is fed; bytes by default. Floats are pixels 0..255, too. */
  readonly pixels?: 'uint8' | 'float32' | undefined;
  /** Samples of this rank. */
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** Channel dropout in the heads; the masks are then inputs of the step. */
  readonly dropout: boolean;
  /** What batch normalisation rests on; default: the batch. */
  readonly statistics?: StatisticsMode | undefined;
  /** How many ranks share the batch; default: one. */
  readonly ranks?: number | undefined;
  /** Whether the graph keeps to operators that engines have on every device; default false: those that are fastest on CPUs. */
  readonly portable?: boolean | undefined;
  /**
   * `mixed`: the student's activations and their gradients are float16; weights, losses and statistics float32. Gradients are
   * computed of the loss times the input `lossScale`, and divided by it; one that is too large for float16 is not finite.
   */
  readonly precision?: Precision | undefined;
  /** Cross entropy to labels; without, there are none. */
  readonly segmentation?: SegmentationLossOptions | undefined;
  /** Classes in the targets of the consensus loss; all alike by default. */
  readonly targetClasses?: ConsensusClasses | undefined;
  /** Whether inputs say how much each pixel of those targets counts. */
  readonly pixelWeights?: boolean | undefined;
  /** Weights of the losses besides cross entropy; none trains on single frames. */
  readonly losses?: LossWeights | undefined;
  /** Losses of the caller's. */
  readonly ownLosses?: readonly OwnLoss[] | undefined;
  /** Frames of a clip in a sample; default: as many as the losses need. */
  readonly frames?: FrameCount | undefined;
  readonly motion?: MotionOptions | undefined;
  readonly distillation?: DistillationOptions | undefined;
  readonly teacher?: StepTeacher | undefined;
  /** Samples of the batch, the last ones, that have frames besides the labelled one; default: all. */
  readonly withNeighbours?: number | undefined;
  /** Whether an input `flowValid` says which flow counts. */
  readonly flowValidity?: boolean | undefined;
  /** Whether an input `sampleWeights` says which samples have neighbours. */
  readonly sampleWeights?: boolean | undefined;
}

/** What a step has to know of a teacher. */
export interface StepTeacher {
  readonly shapes: Readonly<Partial<Record<TeacherOutput, MapShape>>>;
  /** How its scores are brought to another size; corners aligned by default. */
  readonly enlargement?: EnlargementMode | undefined;
  /** Its classes for each of the student's; undefined when no loss compares classes. */
  readonly classMap?: ClassMap | undefined;
  /** What similarities are taken of: the scores, or the student's value of this name and the teacher's features. */
  readonly on: string;
}

/** A running statistic and the step's outputs that it is updated from. */
export interface StatisticUpdate {
  readonly runningMean: string;
  readonly runningVariance: string;
  readonly batchMean: string;
  readonly batchVariance: string;
  readonly count: number;
}

/** An input that a teacher fills: what it gives for a frame. */
export interface TeacherInput {
  readonly name: string;
  readonly frame: FrameName;
  readonly output: TeacherOutput;
}

/** Names of everything that goes into a step and comes out of it. */
export interface TrainingStep {
  /** Of a batch that ranks share it is not run as it is, but in stretches. */
  readonly model: Model;
  /** The stretches between sums over ranks. */
  readonly cut?: CutGraph | undefined;
  readonly graph: Graph;
  readonly precision: Precision;
  /** The frames of a sample; the first is the labelled one. */
  readonly frames: readonly FrameName[];
  /** Samples, the last ones of a batch, that have more than the labelled frame. */
  readonly withNeighbours: number;
  readonly teacherInputs: readonly TeacherInput[];
  /** Trained weights, and the output that holds the gradient of each. */
  readonly gradientOutputs: ReadonlyMap<string, string>;
  /** In order: a layer that runs on two frames is updated by the labelled frame first. */
  readonly statistics: readonly StatisticUpdate[];
  /** Loss terms by name, weights not applied; `loss` is the total. */
  readonly lossOutputs: readonly string[];
  /** Dropout masks to draw, by input name. */
  readonly dropoutMasks: ReadonlyMap<string, DropoutMask>;
}

/** A mask that is drawn for each step: which share of the run's rate is dropped. */
export interface DropoutMask {
  readonly shape: Shape;
  readonly share: number;
}

/**
 * Inputs: `image`, the other frames by their names (RGB 0..255, N×3×H×W), and what the losses ask for: `labels`, `flow`, perhaps
 * `flowValid`, `sampleWeights`, the teacher's maps, soft targets; weights by their names; dropout masks.
 */
export function buildTrainingStep(options: StepOptions): TrainingStep {
  const { student: network, batch, losses = {}, withNeighbours = batch } = options;
  const frames = frameNames[framesFor(losses, options.frames, options.ownLosses)];
  const { precision = 'float32' } = options;
  const mixed = precision === 'mixed';
  const portable = mixed || (options.portable ?? false);
  const built = buildNetwork(options, frames, portable);
  const { graph, colours, student } = mixed ? inHalfPrecision(built) : built;

  const teacherInputs: TeacherInput[] = [];
  const labels = options.segmentation && input(graph, 'labels', 'uint8', [batch, options.height, options.width]);
  const site = siteOf(graph, options, frames, colours, student, labels, teacherInputs);
  const terms = [
    ...supervised(found(student, 'frame'), labels, options),
    ...lossTerms(site, losses, options.ownLosses),
  ];
  if (terms.length === 0) throw new UsageError('expected a loss, found none');
  const loss = terms.map(({ value, weight }) => (weight === 1 ? value : mul(value, weight))).reduce(add);
  const trained = (name: string) =>
    name.startsWith(`${convLstmName}.`)
      ? options.distillation?.multiFrame === 'trained'
      : (network.trains?.(name) ?? true);
  const values = new Map(terms.map(({ name, value }) => [name, value]));
  const compiled = compile(graph, loss, values, trained, portable, mixed);
  const { dropoutMasks } = built;
  return { ...compiled, precision, frames, withNeighbours, teacherInputs, dropoutMasks };
}

/** The student on every frame. */
interface BuiltNetwork {
  readonly graph: Graph;
  readonly student: ReadonlyMap<FrameName, StudentOutputs>;
  readonly colours: ReadonlyMap<FrameName, Value>;
  readonly dropoutMasks: ReadonlyMap<string, DropoutMask>;
}

function buildNetwork(options: StepOptions, frames: readonly FrameName[], portable: boolean): BuiltNetwork {
  const { student: network, batch, height, width, withNeighbours = batch, statistics = 'batch' } = options;
  const graph = createGraph(`train ${network.name}`, options.ranks);
  const images = new Map<FrameName, Value>();
  for (const frame of frames) {
    const [name, samples] = frame === 'frame' ? ['image', batch] : [frame, withNeighbours];
    images.set(frame, input(graph, name, options.pixels ?? 'uint8', [samples, 3, height, width]));
  }
  const dropoutMasks = new Map<string, DropoutMask>();
  const student = new Map<FrameName, StudentOutputs>();
  const colours = new Map<FrameName, Value>();
  for (const [frame, image] of images) {
    const dropoutMask = (place: string, shape: Shape, share = 1) => {
      const name = `dropout.${frame}.${place}`;
      dropoutMasks.set(name, { shape, share });
      return input(graph, name, 'float32', shape);
    };
    const mode: Mode = { kind: 'training', statistics, fused: !portable, ...(options.dropout && { dropoutMask }) };
    const normalized = normalize(image, network.preprocessing);
    student.set(frame, network.build(normalized, mode));
    // Colours are compared in the normalisation of SPEC §0, whatever the student's is.
    const same = sameNormalization(network.preprocessing, defaultPreprocessing);
    colours.set(frame, same ? normalized : normalize(image, defaultPreprocessing));
  }
  return { graph, student, colours, dropoutMasks };
}

/** The networks with float16 activations; what losses see of them is float32. */
function inHalfPrecision({ graph: original, student, colours, dropoutMasks }: BuiltNetwork): BuiltNetwork {
  const { graph, value } = halfPrecisionGraph(original);
  const widened = (of: Value) => cast(value(of), 'float32');
  const outputs = ({ logits, auxiliaries, boundary, features }: StudentOutputs): StudentOutputs => ({
    logits: widened(logits),
    auxiliaries: auxiliaries.map(widened),
    boundary: boundary && widened(boundary),
    features: new Map([...features].map(([name, feature]) => [name, widened(feature)])),
  });
  return {
    graph,
    student: new Map([...student].map(([frame, one]) => [frame, outputs(one)])),
    colours: new Map([...colours].map(([frame, one]) => [frame, widened(one)])),
    dropoutMasks,
  };
}

/** The cross entropy to labels, where there are any. */
function supervised(
  outputs: StudentOutputs,
  labels: Value | undefined,
  { student, segmentation }: StepOptions,
): LossTerm[] {
  if (!labels) return [];
  const { enlargement } = student;
  return [
    { name: 'segmentation', value: segmentationLoss(outputs, labels, { enlargement, ...segmentation }), weight: 1 },
  ];
}

/** Offers the losses what they ask for; inputs are declared when they are. */
function siteOf(
  graph: Graph,
  options: StepOptions,
  frames: readonly FrameName[],
  colours: ReadonlyMap<FrameName, Value>,
  student: ReadonlyMap<FrameName, StudentOutputs>,
  labels: Value | undefined,
  teacherInputs: TeacherInput[],
): LossSite {
  const { batch, height, width, teacher, withNeighbours = batch } = options;
  const classes = options.student.classes.count;
  const declared = new Map<string, Value>();
  const once = (name: string, shape: Shape, dtype: DType = 'float32') => {
    const value = declared.get(name) ?? input(graph, name, dtype, shape);
    declared.set(name, value);
    return value;
  };
  const teacherMap = (frame: FrameName, output: TeacherOutput) => {
    const shape = teacher?.shapes[output];
    if (!shape) throw new SteadysegError(`expected a teacher that gives ${output}, found none`);
    const name = `teacher.${frame}.${output}`;
    if (!declared.has(name)) teacherInputs.push({ name, frame, output });
    const samples = frame === 'frame' ? batch : withNeighbours;
    return once(name, [samples, shape.channels, shape.height, shape.width]);
  };
  /** The student's value that similarities are taken of. */
  const on = teacher?.on ?? 'logits';
  const inner = (frame: FrameName): NetworkPair => {
    const { logits, features } = found(student, frame);
    if (on === 'logits') return { student: logits, teacher: teacherMap(frame, 'logits') };
    const value = features.get(on);
    if (!value) throw noStudentFeatures(options.student.name, on, [...features.keys()]);
    return { student: value, teacher: teacherMap(frame, 'features') };
  };
  const boundaryScores = () => {
    const { boundary } = found(student, 'frame');
    if (boundary) return boundary;
    throw new UsageError(
      `losses.boundary, losses.boundaryAware: expected a network with a boundary head (PIDNet), found ${options.student.name}`,
    );
  };
  const common = (frame: FrameName): NetworkPair => {
    const pair = { student: found(student, frame).logits, teacher: teacherMap(frame, 'logits') };
    return teacher?.classMap ? commonClasses(pair, teacher.classMap, classes) : pair;
  };
  return {
    frames,
    image: (frame) => found(colours, frame),
    logits: (frame) => found(student, frame).logits,
    commonLogits(frame) {
      const pair = common(frame);
      if (options.distillation?.pixelsOf === 'student') return teacherResized(pair);
      // Finer scores than the crop's pixels say nothing more.
      const [, , rows, columns] = pair.teacher.shape;
      const size = [Math.min(rows, height), Math.min(columns, width)] as const;
      return { ...pair, teacher: bilinear(pair.teacher, ...size, teacher?.enlargement) };
    },
    features: (frame) => teacherResized(inner(frame)),
    matchingFeatures: (frame) => teacherResized(on === 'logits' ? common(frame) : inner(frame)),
    flow: () => ({
      flow: once('flow', [withNeighbours, 2, height, width]),
      valid: options.flowValidity ? once('flowValid', [withNeighbours, 1, height, width]) : undefined,
    }),
    weights:
      options.sampleWeights && frames.length > 1
        ? weightsOverRanks(once('sampleWeights', [withNeighbours]))
        : undefined,
    boundary: () => ({
      logits: boundaryScores(),
      boundaries: once('boundaries', [batch, height, width], 'uint8'),
    }),
    crossEntropyAtBoundaries() {
      if (!labels) throw new SteadysegError('expected labels for the loss at boundaries, found none');
      const { enlargement } = options.student;
      const near = labelsAtBoundaries(labels, boundaryScores(), enlargement);
      return headLoss(found(student, 'frame').logits, near, { enlargement, ...options.segmentation }, true);
    },
    withNeighbours: (value) =>
      value.shape[0] === withNeighbours ? value : slice(value, [0], [batch - withNeighbours], [batch]),
    targets(frame) {
      const samples = frame === 'frame' ? batch : withNeighbours;
      return once(`targets.${frame}`, [samples, height, width, classes], 'uint8');
    },
    pixelWeights(frame) {
      if (!options.pixelWeights) return undefined;
      const samples = frame === 'frame' ? batch : withNeighbours;
      return once(`pixelWeights.${frame}`, [samples, height, width], 'uint8');
    },
    targetClasses: options.targetClasses ?? { weights: Array(classes).fill(1) },
    enlargement: options.student.enlargement,
    motion: options.motion,
    distillation: options.distillation ?? {},
  };
}

function found<T>(map: ReadonlyMap<FrameName, T>, frame: FrameName): T {
  const value = map.get(frame);
  if (value === undefined) throw new SteadysegError(`the step has no frame "${frame}"`);
  return value;
}

/** Values that an error about a missing one lists. */
const MAX_LISTED = 12;

function noStudentFeatures(student: string, on: string, features: readonly string[]): UsageError {
  const names = ['logits', ...features];
  const near = suggest(on, names);
  const listed = names.length > MAX_LISTED ? [...names.slice(0, MAX_LISTED), '…'] : names;
  return new UsageError(
    `distillation.on: expected a value of ${student} (${listed.join(', ')}), found "${on}"${near ? `; did you mean ${near}?` : ''}`,
  );
}

function teacherResized({ student, teacher }: NetworkPair): NetworkPair {
  const [, , height, width] = student.shape;
  return { student, teacher: bilinear(teacher, height, width) };
}

/** Scores of the classes that both know. Classes of the teacher that stand for one class add up their probabilities. */
function commonClasses({ student, teacher }: NetworkPair, map: ClassMap, classes: number): NetworkPair {
  const [batch, count, height, width] = teacher.shape;
  if (isSameOrder(map, { count })) return { student, teacher };
  const { graph } = student;
  const known = map.flatMap((ids, id) => (ids.length > 0 ? [id] : []));
  const own =
    known.length === classes
      ? student
      : gather(student, constant(graph, tensor('int32', [known.length], Int32Array.from(known))), 1);
  const sums = new Float32Array(known.length * count);
  known.forEach((id, row) => {
    for (const from of map[id]) sums[row * count + from] = 1;
  });
  const peak = reduceMax(teacher, [1]);
  const odds = reshape(exp(sub(teacher, peak)), [batch, count, height * width]);
  const mapped = matMul(constant(graph, tensor('float32', [known.length, count], sums)), odds);
  // A floor keeps the logarithm of a class without any probability finite.
  return { student: own, teacher: reshape(log(add(mapped, smallestOdds)), [batch, known.length, height, width]) };
}

/** Below what a float32 softmax of scores tells apart. */
const smallestOdds = 1e-30;

type Compiled = Pick<TrainingStep, 'model' | 'cut' | 'graph' | 'gradientOutputs' | 'statistics' | 'lossOutputs'>;

function compile(
  forward: Graph,
  loss: Value,
  terms: ReadonlyMap<string, Value>,
  trained: (name: string) => boolean,
  portable: boolean,
  mixed: boolean,
): Compiled {
  const sums = { loss, ...Object.fromEntries(terms) };
  const fast = portable ? undefined : withWinograd(forward);
  const { graph, recomputed } = fast ?? { graph: forward, recomputed: undefined };
  const outputs: Record<string, Value> = fast?.values(sums) ?? sums;
  const weights = [...graph.parameters].filter(([name, { role }]) => role === 'weight' && trained(name));
  // Small gradients vanish in float16: those of a loss scaled up do not.
  const scale = mixed ? input(graph, lossScaleInput, 'float32', []) : undefined;
  const computed = gradients(
    graph,
    scale ? mul(outputs.loss, scale) : outputs.loss,
    weights.map(([, { value }]) => value),
    { recomputed },
  );
  const gradientOutputs = new Map<string, string>();
  weights.forEach(([name], i) => {
    outputs[`gradient.${name}`] = scale ? div(computed[i], scale) : computed[i];
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
  const written = portable ? portableGraph(graph) : undefined;
  const [whole, results] = written ? [written.graph, written.values(outputs)] : [graph, outputs];
  const model = exportModel(whole, results);
  const cut = whole.ranks > 1 ? cutGraph(whole, results) : undefined;
  return { model, cut, graph, gradientOutputs, statistics, lossOutputs: ['loss', ...terms.keys()] };
}
