// Weights and models from one file format into another, each file by itself.
import { SteadysegError, UsageError } from '../base/errors.js';
import { checkNotRead } from '../base/outputFile.js';
import { fromStorage, toStorage, type WeightStorage } from '../onnx/compactStorage.js';
import { createEditor } from '../onnx/editor.js';
import { halve } from '../onnx/halfStorage.js';
import { describeModel, descriptionKey, type ModelDescription, readDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import { readModelFile, writeModelFile } from '../onnx/modelFile.js';
import { constantsAsInitializers } from '../onnx/storedConstants.js';
import type { Tensor } from '../tensor/tensor.js';
import { readStateDict, type StateDict } from '../weights/openWeights.js';
import { writePth } from '../weights/pthWriter.js';
import { writeSafetensors } from '../weights/safetensors.js';
import { loadStateDict, toFloat32 } from '../weights/stateDict.js';
import { buildModel, resizeModel } from './model.js';
import {
  classCountOf,
  expectedWeights,
  isAuxiliary,
  isFlowNetwork,
  isKnownNetwork,
  weightsOfModel,
} from './networkWeights.js';
import { renamePublished } from './publishedNames.js';
import { recognizeNetwork } from './recognizeNetwork.js';

/** What `convert` takes. */
export interface ConvertOptions {
  /** Network that the weights belong to, for a model; default: what the input's metadata says. */
  readonly architecture?: string | undefined;
  /** Of a checkpoint with several state dicts: the key of the one to take. */
  readonly key?: string | undefined;
  /** Input size of the model. */
  readonly size?: { readonly height: number; readonly width: number } | undefined;
  /** Factor on the network's channel numbers; default: what the input's metadata says, else 1. */
  readonly widthMultiplier?: number | undefined;
  /** The number of classes the weights must have; default: any. */
  readonly classCount?: number | undefined;
  /** What the model is to say about itself beside its architecture; fields given here replace the input's. */
  readonly description?: ModelDescription | undefined;
  /**
   * How tensors of two or more dimensions are stored; `int8`, with a scale for each output channel, is for the convolutions
   * of models. Default: `float32` in models, as they are in weights files.
   */
  readonly storage?: WeightStorage | undefined;
  /**
   * Whether a model keeps the weights of the heads that only training uses, which weights files always have; default: those
   * of networks of ours are left out, since inference would warn of them.
   */
  readonly keepAuxiliary?: boolean | undefined;
}

/** What `convert` read and wrote. */
export interface ConvertReport {
  readonly format: 'onnx' | 'safetensors' | 'pth';
  /** Tensors written, and those of the input that are not the network's. */
  readonly tensors: number;
  readonly dropped: readonly string[];
  /** Of a checkpoint: Python names of objects that were stepped over, and keys of state dicts that were not taken. */
  readonly steppedOver: readonly string[];
  readonly others: readonly string[];
  /** The network of a written model, when it is known. */
  readonly architecture: string | null;
  /** What was found out or chosen, and what to know of it, a sentence each. */
  readonly notes: readonly string[];
}

/** What is left out of a model: nothing. */
const nothingLeft = { dropped: [], steppedOver: [], others: [], notes: [] };

/**
 * Converts a `.pth`, `.pth.tar`, `.ckpt`, `.safetensors` or `.onnx` into what the ending of `output` says. From weights to a
 * model, the network's name and size are needed; from a model of this library to another size, only the size is.
 * @throws UsageError for what does not go together; SteadysegError when the files cannot be used or the weights do not fit.
 */
export async function convertFile(input: string, output: string, options: ConvertOptions = {}): Promise<ConvertReport> {
  const format = formatOf(output);
  await checkNotRead(output, [input]);
  if (/\.onnx$/i.test(input)) {
    if (options.key !== undefined) throw new UsageError(`a key is for PyTorch checkpoints, not for ${input}`);
    return await convertModel(await readModelFile(input), input, output, options);
  }
  const given = await readStateDict(input, { key: options.key });
  if (format === 'onnx') return await weightsToModel(given, input, output, options);
  const { tensors, dropped, metadata, steppedOver, others } = given;
  refuseModelOptions(options, output);
  await writeWeights(output, format, tensors, metadata, options);
  return { format, tensors: tensors.size, dropped, steppedOver, others, architecture: null, notes: [] };
}

/** The same for a model in memory. @param source what it is called in errors. */
export async function convertModel(
  model: Model,
  source: string,
  output: string,
  options: ConvertOptions = {},
): Promise<ConvertReport> {
  const format = formatOf(output);
  return format === 'onnx'
    ? await modelToModel(model, source, output, options)
    : await modelToWeights(model, source, output, format, options);
}

function formatOf(path: string): ConvertReport['format'] {
  const name = path.toLowerCase();
  if (name.endsWith('.onnx')) return 'onnx';
  if (name.endsWith('.safetensors')) return 'safetensors';
  if (/\.(pth|pt|pth\.tar)$/.test(name)) return 'pth';
  throw new UsageError(`expected a file that ends in .onnx, .safetensors, .pth, .pt or .pth.tar, found ${path}`);
}

function refuseModelOptions(options: ConvertOptions, output: string): void {
  const { architecture, size, widthMultiplier, storage, keepAuxiliary = true } = options;
  if (architecture !== undefined || size !== undefined || widthMultiplier !== undefined) {
    throw new UsageError(`an architecture, size and width multiplier are for writing an .onnx, not ${output}`);
  }
  if (storage === 'int8') throw new UsageError(`weights are stored as int8 in an .onnx, not in ${output}`);
  if (!keepAuxiliary) throw new UsageError(`the auxiliary head is left out of an .onnx, not of ${output}`);
}

async function weightsToModel(
  given: StateDict,
  input: string,
  output: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  const { tensors, origin, dropped } = renamePublished(given.tensors, input);
  const { metadata } = given;
  const inFile = readDescription(metadata, input);
  const said = inFile.architecture;
  const recognized = recognizeNetwork(tensors);
  const architecture = options.architecture ?? (said !== undefined && isKnownNetwork(said) ? said : recognized);
  if (architecture === undefined) {
    const found = said === undefined ? 'which the file does not say' : `found ${said} in the file, which is not known`;
    throw new UsageError(`${input}: expected the name of the network (--arch), ${found}`);
  }
  const { size } = options;
  if (!size) throw new UsageError(`${output}: expected the input size of the model (--size HxW)`);
  checkClassCount(tensors, input, options);
  const { widthMultiplier = inFile.widthMultiplier ?? 1, keepAuxiliary = false } = options;
  const weights = loadStateDict(expectedWeights(architecture, widthMultiplier, tensors, input), tensors, input);
  const licence = licenceOf(architecture);
  const model = buildModel({
    architecture,
    ...size,
    ...(!isFlowNetwork(architecture) && { classes: classCountOf(tensors, input) }),
    widthMultiplier,
    weights,
    keepAuxiliary,
    description: { ...inFile, ...(licence !== undefined && { licence }), ...options.description },
  });
  const names = origin === undefined ? '' : ` under the names of ${origin}`;
  const notes = recognized === architecture ? [`the weights are those of ${recognized}${names}`] : [];
  if (licence !== undefined) notes.push(licence);
  const left = { ...given, dropped: [...given.dropped, ...dropped], notes };
  return await writeModelTo(output, model, left, options);
}

/** Weights that are not free, by the beginning of the network's name. */
function licenceOf(architecture: string): string | undefined {
  if (!architecture.startsWith('segformer')) return undefined;
  return 'SegFormer weights that NVIDIA published (nvidia/* on Hugging Face, NVlabs), and what is trained from them, are for research and evaluation only (NVIDIA Source Code License); weights of your own are not concerned';
}

async function modelToModel(
  read: Model,
  input: string,
  output: string,
  options: ConvertOptions,
): Promise<ConvertReport> {
  if (options.architecture !== undefined || options.widthMultiplier !== undefined) {
    throw new UsageError(`${input}: its network is what it is: an architecture and width multiplier are for weights`);
  }
  const sized = options.size ? resizeModel(read, options.size.height, options.size.width, input) : fromStorage(read);
  const described = options.description ? withDescription(sized, options.description, input) : sized;
  const network = withoutHeads(described, options.keepAuxiliary, input);
  if (options.classCount !== undefined) checkClassCount(network.graph.initializers, input, options);
  return await writeModelTo(output, network, nothingLeft, options);
}

function withDescription(model: Model, description: ModelDescription, source: string): Model {
  const merged = describeModel({ ...readDescription(model.metadata, source), ...description });
  return { ...model, metadata: new Map([...model.metadata, merged]) };
}

/** Without the training heads' initializers that nobody reads, of networks of ours; of any other without all that nobody reads, when asked. */
function withoutHeads(model: Model, kept: boolean | undefined, source: string): Model {
  const { architecture } = readDescription(model.metadata, source);
  const ours = architecture !== undefined && isKnownNetwork(architecture);
  if (kept ?? !ours) return model;
  const editor = createEditor(model);
  for (const name of model.graph.initializers.keys()) {
    if (!editor.isRead(name) && (kept === false || isAuxiliary(name))) editor.removeInitializer(name);
  }
  return editor.finish();
}

async function writeModelTo(
  output: string,
  model: Model,
  { dropped, steppedOver, others, notes }: Pick<ConvertReport, 'dropped' | 'steppedOver' | 'others' | 'notes'>,
  options: ConvertOptions,
): Promise<ConvertReport> {
  await writeModelFile(output, toStorage(model, options.storage ?? 'float32'));
  return { ...modelReport(model, output), dropped, steppedOver, others, notes };
}

/** The report of a model that is written as it is. */
export function modelReport(model: Model, output: string): ConvertReport {
  const { architecture = null } = readDescription(model.metadata, output);
  return { format: 'onnx', tensors: model.graph.initializers.size, ...nothingLeft, architecture };
}

async function modelToWeights(
  model: Model,
  input: string,
  output: string,
  format: 'safetensors' | 'pth',
  options: ConvertOptions,
): Promise<ConvertReport> {
  refuseModelOptions(options, output);
  const { architecture = null } = readDescription(model.metadata, input);
  const weights = weightsOfModel(model, input) ?? foreignWeights(model);
  if (weights.size === 0) throw new SteadysegError(`${input}: expected a model with weights, found none`);
  const description = model.metadata.get(descriptionKey);
  const metadata = new Map(description === undefined ? [] : [[descriptionKey, description]]);
  await writeWeights(output, format, weights, metadata, options);
  return { format, tensors: weights.size, ...nothingLeft, architecture };
}

/** The float tensors of any model, by the names they have there. */
function foreignWeights(model: Model): Map<string, Tensor> {
  const { initializers } = constantsAsInitializers(fromStorage(model)).graph;
  return new Map([...initializers].filter(([, { dtype, shape }]) => dtype.includes('float') && shape.length > 0));
}

async function writeWeights(
  output: string,
  format: 'safetensors' | 'pth',
  tensors: ReadonlyMap<string, Tensor>,
  metadata: ReadonlyMap<string, string>,
  options: ConvertOptions,
): Promise<void> {
  if (options.classCount !== undefined) checkClassCount(tensors, output, options);
  const stored = new Map([...tensors].map(([name, value]) => [name, storedAs(value, options.storage)]));
  if (format === 'pth') await writePth(output, stored);
  // `format: pt` tells other readers that names and layouts are PyTorch's.
  else await writeSafetensors(output, stored, new Map([['format', 'pt'], ...metadata]));
}

function storedAs(value: Tensor, storage: WeightStorage | undefined): Tensor {
  if (storage === 'float16') return halve(value) ?? value;
  return storage === 'float32' ? toFloat32(value) : value;
}

function checkClassCount(
  weights: ReadonlyMap<string, Tensor>,
  source: string,
  { classCount, description }: ConvertOptions,
): void {
  for (const expected of [classCount, description?.classes?.length]) {
    if (expected === undefined) continue;
    const found = classCountOf(weights, source);
    if (found !== expected)
      throw new SteadysegError(`${source}: expected weights for ${expected} classes, found ${found}`);
  }
}
