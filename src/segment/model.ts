// A segmentation network from a model: checks that it is one, and says what it takes and gives.
import { SteadysegError, UsageError } from '../base/errors.js';
import { MAX_CLASSES } from '../base/labels.js';
import { type ClassSet, vocColor } from '../media/classes.js';
import type { RgbImage } from '../media/image.js';
import type { ModelDescription } from '../onnx/metadata.js';
import { type Dimension, feedInputs, type Model, type ValueInfo } from '../onnx/model.js';
import type { Session, SessionOptions } from '../runtime/openSession.js';
import { float16ToFloat32, float32ToFloat16 } from '../tensor/half.js';
import { formatShape, type Tensor } from '../tensor/tensor.js';
import { type CutNetwork, cutFinalResize } from './finalResize.js';
import type { Preprocessing, PreprocessingConfig, PreprocessingOptions } from './preprocessing.js';
import type { Scores } from './scores.js';
import { type Network, type Segmentation, type SegmentOptions, segmentFrame } from './segment.js';
import { checkViews, isSide, MAX_SIDE, type Size } from './views.js';

export interface LoadOptions extends PreprocessingOptions, Pick<SessionOptions, 'device' | 'threads'> {
  /** What the train ids mean; default: the model's metadata, else numbered classes. */
  readonly classes?: ClassSet | undefined;
  /** The size a network of free input size gets its frames at; default: the frame's own. */
  readonly size?: Size | undefined;
}

/** What is known of a network before it runs. Plain data: it can be sent to another thread. */
export interface NetworkDescription {
  /** What the model is called in messages: its path. */
  readonly source: string;
  readonly input: { readonly name: string; readonly dtype: 'float32' | 'float16' };
  readonly output: string;
  /** Set where sessions run the network without the enlargement of its scores that it ends with. */
  readonly cut: Omit<CutNetwork, 'content'> | undefined;
  /** The input size, undefined where it is free. */
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** A free size has to be a multiple of this. */
  readonly sizeMultiple: number;
  readonly preprocessing: Preprocessing;
  /** Undefined when the file does not say; the first run does. */
  readonly classCount: number | undefined;
  /** Name and number of the classes it may have. */
  readonly limit: { readonly name: string; readonly count: number };
}

/** A segmentation network, ready to run. */
export interface SegmentationModel {
  readonly description: NetworkDescription;
  /** Names and colours of the classes; with one entry a class of the network, or more. */
  readonly classes: ClassSet;
  /** The path or bytes it was loaded from, and how it is run. */
  readonly content: string | Uint8Array;
  readonly sessionOptions: SessionOptions;
  /** What sessions are made of: the content, or the part of it that is run. */
  readonly sessionContent: string | Uint8Array;
  /** Segments one picture (RGB, any size) and gives labels of the same size. */
  segment(image: RgbImage, options?: SegmentOptions): Promise<Segmentation>;
  /** Frees the memory of the network. */
  release(): Promise<void>;
}

/** Compiles a model; `createSession` in Node. */
export type OpenSession = (model: string | Uint8Array, options: SessionOptions) => Promise<Session>;

/** A model that was read, and what was found about it. */
export interface FoundModel {
  /** The path or bytes it was read from. */
  readonly content: string | Uint8Array;
  readonly source: string;
  readonly model: Model;
  readonly facts: ModelDescription;
  readonly config: PreprocessingConfig;
}

/**
 * Makes a segmentation network of a model: one image input `[1, 3, height, width]`, and scores `[1, classes, h, w]` in its
 * output (`logits` if there is one of that name, else the first). Height and width may be free.
 *
 * @throws SteadysegError, naming the file, the expected and the found, when it is no such network.
 */
export function segmentationModel(found: FoundModel, options: LoadOptions, open: OpenSession): SegmentationModel {
  const { content, source, model, facts, config } = found;
  const { preprocessing, size } = config;
  const input = onlyInput(feedInputs(model.graph), source);
  const output = model.graph.outputs.find(({ name }) => name === 'logits') ?? model.graph.outputs[0];
  const classCount = classCountOf(output, source);
  const [height, width] = sizeOf(input, options.size, size, source);
  const classes =
    options.classes ?? classSetOf(facts.classes, facts.palette, facts.ignoreLabel, facts.classes?.length ?? classCount);
  const cut =
    height !== undefined &&
    width !== undefined &&
    cutFinalResize(model, input.name, [1, 3, height, width], output.name);
  const description: NetworkDescription = {
    source,
    input: { name: input.name, dtype: input.type?.dtype === 'float16' ? 'float16' : 'float32' },
    output: output.name,
    cut: cut ? { output: cut.output, classes: cut.classes, enlargement: cut.enlargement } : undefined,
    height,
    width,
    sizeMultiple: sizeMultipleOf(facts, source),
    preprocessing,
    classCount,
    limit: { name: classes.name, count: classes.classes.length },
  };
  if (classCount !== undefined) checkClassCount(classCount, description);
  const sessionOptions: SessionOptions = { device: options.device, threads: options.threads };
  const sessionContent = cut ? cut.content : content;
  let network: Promise<OpenNetwork> | undefined;
  return {
    description,
    classes,
    content,
    sessionOptions,
    sessionContent,
    async segment(image, segmentOptions = {}) {
      checkSegmentOptions(description, segmentOptions);
      network ??= openNetwork(sessionContent, description, sessionOptions, open);
      return segmentFrame(await network, image, segmentOptions);
    },
    async release() {
      await (await network)?.release();
      network = undefined;
    },
  };
}

/** A network with its session. */
export interface OpenNetwork extends Network {
  release(): Promise<void>;
}

/** Compiles a network. @param content a model's `sessionContent`. */
export async function openNetwork(
  content: string | Uint8Array,
  description: NetworkDescription,
  options: SessionOptions,
  open: OpenSession,
): Promise<OpenNetwork> {
  const { source, input } = description;
  const output = description.cut?.output ?? description.output;
  const session: Session = await open(content, { ...options, source });
  return {
    preprocessing: description.preprocessing,
    inputSize: (region) => ({
      height: description.height ?? nearestMultiple(region.height, description.sizeMultiple),
      width: description.width ?? nearestMultiple(region.width, description.sizeMultiple),
    }),
    async run(data, { height, width }) {
      const shape = [1, 3, height, width];
      const feed: Tensor =
        input.dtype === 'float16'
          ? { dtype: 'float16', shape, data: float32ToFloat16(data) }
          : { dtype: 'float32', shape, data };
      let results: Record<string, Tensor>;
      try {
        results = await session.run({ [input.name]: feed }, [output]);
      } catch (thrown) {
        if (description.height !== undefined && description.width !== undefined) throw thrown;
        if (!(thrown instanceof SteadysegError)) throw thrown;
        throw new SteadysegError(
          `${thrown.message} (at ${height}x${width}; if the network needs another size, such as a multiple of 32, give it with --size)`,
          { cause: thrown },
        );
      }
      return scoresOf(results[output], description);
    },
    release: () => session.release(),
  };
}

/** @throws UsageError for options that the network cannot follow. */
export function checkSegmentOptions(description: NetworkDescription, options: SegmentOptions): void {
  checkViews(options);
  const { height, width, source } = description;
  const scaled = options.scales?.some((scale) => scale !== 1) ?? false;
  if (scaled && !options.tile && height !== undefined && width !== undefined) {
    throw new UsageError(
      `${source}: expected a network of free input size for several scales, found ${height}x${width}: use tiles of that size (--tile ${height}x${width})`,
    );
  }
}

function onlyInput(inputs: readonly ValueInfo[], source: string): ValueInfo {
  if (inputs.length !== 1) {
    const names = inputs.map(({ name }) => name).join(', ');
    throw new SteadysegError(
      `${source}: expected a network with one input, found ${inputs.length}${names && ` (${names})`}`,
    );
  }
  const [input] = inputs;
  const { dtype, shape } = input.type ?? {};
  if (dtype !== 'float32' && dtype !== 'float16') {
    throw new SteadysegError(
      `${source}: expected a float32 or float16 input, found that "${input.name}" is ${dtype ?? 'no tensor'}`,
    );
  }
  if (shape && (shape.length !== 4 || !allows(shape[0], 1) || !allows(shape[1], 3))) {
    throw new SteadysegError(
      `${source}: expected an input of 1×3×height×width, found that "${input.name}" is ${format(shape)}`,
    );
  }
  return input;
}

function allows(dimension: Dimension, size: number): boolean {
  return typeof dimension !== 'number' || dimension === size;
}

function format(shape: readonly Dimension[]): string {
  return formatShape(shape.map((dimension) => dimension ?? '?'));
}

function classCountOf(output: ValueInfo, source: string): number | undefined {
  const { dtype, shape } = output.type ?? {};
  if (dtype !== undefined && dtype !== 'float32' && dtype !== 'float16') {
    throw new SteadysegError(
      `${source}: expected float32 or float16 scores, found that the output "${output.name}" is ${dtype}`,
    );
  }
  if (!shape) return undefined;
  if (shape.length !== 4 || !allows(shape[0], 1)) {
    throw new SteadysegError(
      `${source}: expected scores of 1×classes×height×width, found that the output "${output.name}" is ${format(shape)}`,
    );
  }
  return typeof shape[1] === 'number' ? shape[1] : undefined;
}

function checkClassCount(found: number, { source, limit }: NetworkDescription): void {
  if (found > MAX_CLASSES) {
    throw new SteadysegError(`${source}: expected at most ${MAX_CLASSES} classes (labels are bytes), found ${found}`);
  }
  if (found > limit.count) {
    throw new SteadysegError(
      `${source}: expected at most the ${limit.count} classes of "${limit.name}", found a network of ${found}: choose another --preset, or name them with --classes`,
    );
  }
}

/** The input size: fixed by the network, else asked for, else said beside the model, else free. */
function sizeOf(
  input: ValueInfo,
  asked: Size | undefined,
  configured: Size | undefined,
  source: string,
): [height: number | undefined, width: number | undefined] {
  const [, , height = null, width = null] = input.type?.shape ?? [];
  const fixed = (dimension: Dimension) => (typeof dimension === 'number' ? dimension : undefined);
  const clash =
    asked && ((fixed(height) ?? asked.height) !== asked.height || (fixed(width) ?? asked.width) !== asked.width);
  if (clash) {
    throw new UsageError(
      `${source}: expected the network's own size ${height}x${width}, found --size ${asked.height}x${asked.width}`,
    );
  }
  const free = asked ?? configured;
  const size: [number | undefined, number | undefined] = [fixed(height) ?? free?.height, fixed(width) ?? free?.width];
  if (size.every((side) => side === undefined || isSide(side))) return size;
  throw new (asked ? UsageError : SteadysegError)(
    `${source}: expected an input of whole sides from 1 to ${MAX_SIDE} pixels, found ${size.map((side) => side ?? '?').join('x')}`,
  );
}

/** A free size is rounded to a multiple of this. */
function sizeMultipleOf({ sizeMultiple = 1 }: ModelDescription, source: string): number {
  if (isSide(sizeMultiple)) return sizeMultiple;
  throw new SteadysegError(
    `${source}: expected its size to be a multiple of 1 to ${MAX_SIDE} pixels, found ${sizeMultiple}`,
  );
}

/** The classes of a network that nobody named: numbered, in distinct colours. */
function classSetOf(
  names: readonly string[] | undefined,
  palette: ClassSet['palette'] | undefined,
  ignored = 255,
  count = MAX_CLASSES,
): ClassSet {
  const classes = names ?? Array.from({ length: count }, (_, id) => `class ${id}`);
  const colors = classes.map((_, id) => palette?.[id] ?? vocColor(id + 1));
  return { name: 'the model', classes, palette: colors, ignoreLabel: ignored };
}

function nearestMultiple(size: number, multiple: number): number {
  return Math.max(1, Math.round(size / multiple)) * multiple;
}

function scoresOf(output: Tensor, description: NetworkDescription): Scores {
  const { shape, data } = output;
  if (shape.length !== 4 || shape[0] !== 1 || shape.includes(0)) {
    throw new SteadysegError(
      `${description.source}: expected scores of 1×classes×height×width, found that the output "${description.output}" is ${formatShape(shape)}`,
    );
  }
  const [, maps, height, width] = shape;
  const classes = description.cut?.classes ?? maps;
  checkClassCount(classes, description);
  const values = output.dtype === 'float16' ? float16ToFloat32(data as Uint16Array) : (data as Float32Array);
  return { classes, height, width, data: values, enlarged: description.cut?.enlargement };
}
