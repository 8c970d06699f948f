// Any .onnx file as a student: its graph is built into training graphs, and trained weights go back into its bytes.
import { SteadysegError, UsageError } from '../base/errors.js';
import type { Value } from '../onnx/graph.js';
import { type AddedModel, addModel } from '../onnx/import.js';
import { describeModel } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import { cast, clip, concat, log, mul, sub, transpose } from '../onnx/ops.js';
import type { OwnOperators } from '../onnx/ownOperator.js';
import { replaceTensors } from '../onnx/replaceTensors.js';
import { tensorRoles } from '../onnx/trainable.js';
import { widenModel, widenTensor } from '../onnx/widen.js';
import { describeNetwork } from '../segment/describeNetwork.js';
import type { DescribeOptions, FoundNetwork, NetworkDescription } from '../segment/network.js';
import { saidDescription } from '../segment/saidDescription.js';
import { optionsOf } from '../segment/understanding.js';
import type { Shape, Tensor } from '../tensor/tensor.js';
import { selectedWeights, type WeightSelection } from './selectedWeights.js';
import type { Student } from './student.js';

/** How a file is understood, and which of its weights train. */
export interface OnnxStudentOptions extends DescribeOptions, WeightSelection {
  /** Operators of the caller's, which go before the library's. */
  readonly operators?: OwnOperators | undefined;
}

/** A student made of a file, and how its pixels and scores are understood. */
export interface OnnxStudent extends Student {
  readonly description: NetworkDescription;
}

/** Probabilities nearer to 0 have no logarithm worth its gradient. */
const smallestProbability = 1e-7;

/**
 * Makes a student of a network. Its weights are what `tensorRoles` finds, statistics of batch normalisations included; float16
 * ones are trained in float32 and written back as float16. What options say of pixels goes into the metadata.
 *
 * @param bytes of the file, which trained weights go back into.
 * @param description of the network, where it is known already.
 * @throws SteadysegError for a file that is no segmentation network or has no scores to learn from; UsageError for patterns
 * that fit none of its weights.
 */
export function studentOfNetwork(
  found: FoundNetwork,
  bytes: Uint8Array,
  options: OnnxStudentOptions = {},
  description: NetworkDescription = describeNetwork(found, options),
): OnnxStudent {
  const said = saidDescription(found, description.preprocessing, options);
  const metadata = said && new Map([describeModel(said)]);
  return studentOf(found, description, options, {
    model: widenModel(found.model),
    toModel: (content) => replaceTensors(bytes, content, metadata),
  });
}

/** How a student is built, and written back. */
export interface StudentForm {
  /** The network as it goes into graphs: of float32, with the names of values that its description tells. */
  readonly model: Model;
  /** The bytes of a file with these weights of its own. */
  toModel(weights: ReadonlyMap<string, Tensor>): Uint8Array;
}

/**
 * A student of a network that was found and described.
 * @throws as `studentOfNetwork`.
 */
export function studentOf(
  found: FoundNetwork,
  description: NetworkDescription,
  options: OnnxStudentOptions,
  { model, toModel }: StudentForm,
): OnnxStudent {
  const { source: path } = found;
  const { output } = description;
  const { kind } = output;
  if (kind === undefined) {
    throw new UsageError(
      `${path}: expected to know what the output "${output.name}" is, which its graph does not tell: say logits, softmax or sigmoid (--scores, or scores in a configuration)`,
    );
  }
  if (kind === 'labels') {
    throw new SteadysegError(
      `${path}: expected scores to learn from, found that the output "${output.name}" is labels: export the network without its last ArgMax`,
    );
  }
  if (output.background !== undefined && output.channels !== 1) {
    throw new SteadysegError(
      `${path}: expected classes that exclude each other, found ${output.channels} independent ones in the output "${output.name}"`,
    );
  }
  const count = output.channels === 1 ? 2 : output.channels;
  if (count === undefined) {
    throw new SteadysegError(
      `${path}: expected a number of classes, found that the output "${output.name}" leaves it open`,
    );
  }
  const names = options.classes?.classes ?? found.metadata.classes ?? found.labels?.names;
  const roles = tensorRoles(model, options.operators);
  const weights = new Map<string, Tensor>();
  const copies: { readonly name: string; readonly copyOf: string; readonly shape: Shape }[] = [];
  for (const [name, { role, copyOf }] of roles) {
    const content = role === 'constant' ? undefined : contentOf(model, name);
    if (content && copyOf !== undefined) copies.push({ name, copyOf, shape: content.shape });
    else if (content) weights.set(name, widenTensor(content));
  }
  const trainable = [...weights.keys()].filter((name) => roles.get(name)?.role === 'weight');
  const trained = selectedWeights(trainable, options, path);
  const added = new WeakMap<object, AddedModel>();
  return {
    name: path,
    description,
    classes: { count, names },
    preprocessing: description.preprocessing,
    enlargement: description.enlargement,
    weights,
    trains: (name) => trained.has(name),
    loadOptions: { ...optionsOf(description), size: undefined },
    build(image, mode) {
      const { graph } = image;
      const network = added.get(graph) ?? addModel(graph, model, options.operators);
      added.set(graph, network);
      const { input } = description;
      const frames = input.layout === 'nhwc' ? transpose(image, [0, 2, 3, 1]) : image;
      const pixels = input.dtype === 'uint8' ? cast(frames, 'uint8') : frames;
      const values = network.apply({ [input.name]: pixels }, mode.kind === 'training' ? mode : {});
      return { logits: logitsOf(values, model, description, kind), auxiliaries: [], features: values };
    },
    toModel(content) {
      const own = new Map([...content].filter(([name]) => weights.has(name)));
      for (const { name, copyOf, shape } of copies) {
        const original = own.get(copyOf);
        if (original) own.set(name, { ...original, shape });
      }
      return toModel(own);
    },
  };
}

/** An initializer, or the tensor of a `Constant` node. */
function contentOf({ graph }: Model, name: string): Tensor | undefined {
  const content = graph.initializers.get(name);
  if (content) return content;
  const value = graph.nodes.find(({ op, outputs }) => op === 'Constant' && outputs[0] === name)?.attributes.value;
  return value?.kind === 'tensor' ? value.value : undefined;
}

/** Scores as N×C×h×w whose softmax are the class probabilities, whatever the output holds. */
function logitsOf(
  values: ReadonlyMap<string, Value>,
  { graph }: Model,
  { source, output }: NetworkDescription,
  kind: 'logits' | 'softmax' | 'sigmoid',
): Value {
  const producer = graph.nodes.find(({ outputs }) => outputs.includes(output.name));
  // What goes into the last activation says more than what comes out of it.
  const before =
    kind !== 'logits' && producer && ['Softmax', 'Sigmoid'].includes(producer.op) ? producer.inputs[0] : undefined;
  const value = values.get(before ?? output.name);
  if (!value) throw new SteadysegError(`${source}: nothing computes the output "${output.name}"`);
  const planes = output.layout === 'nhwc' ? transpose(value, [0, 3, 1, 2]) : value;
  if (planes.shape.length !== 4) {
    throw new SteadysegError(`${source}: expected scores of N×classes×height×width, found ${planes.shape.join('×')}`);
  }
  const probabilities = kind !== 'logits' && before === undefined;
  if (planes.shape[1] > 1) return probabilities ? log(clip(planes, smallestProbability, 1)) : planes;
  const odds = probabilities ? logOdds(planes) : planes;
  return concat([mul(odds, 0), odds], 1);
}

/** log(p / (1 - p)). */
function logOdds(probability: Value): Value {
  const inside = clip(probability, smallestProbability, 1 - smallestProbability);
  return sub(log(inside), log(sub(1, inside)));
}
