// The teacher of a distillation: a frozen network in a session of its own, fed the batch's frames the way it wants them.
import { SteadysegError } from '../base/errors.js';
import { readFileBounded } from '../base/files.js';
import { suggest } from '../base/suggest.js';
import type { Size } from '../media/image.js';
import { inference } from '../nets/mode.js';
import { weightsOfModel } from '../nets/networkWeights.js';
import { imageNetMean, imageNetStd } from '../nets/normalization.js';
import { buildNetwork } from '../nets/registry.js';
import { createEditor } from '../onnx/editor.js';
import { exportModel } from '../onnx/export.js';
import { constant, createGraph, input, type Value } from '../onnx/graph.js';
import type { ModelDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import { MAX_MODEL_BYTES } from '../onnx/modelFile.js';
import { add, averagePool, gather, mul } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import { withWinograd } from '../onnx/winograd.js';
import { writeModel } from '../onnx/write.js';
import { createSession, type Session, type SessionOptions } from '../runtime/session.js';
import { describeNetwork } from '../segment/describeNetwork.js';
import { findNetwork } from '../segment/findNetwork.js';
import type { NetworkDescription } from '../segment/network.js';
import type { Preprocessing, PreprocessingOptions } from '../segment/preprocessing.js';
import { float16ToFloat32, float32ToFloat16 } from '../tensor/half.js';
import { elementCount, formatShape, type Tensor, tensor, zeros } from '../tensor/tensor.js';
import type { NetworkClasses } from './classMap.js';
import { createTeacherCache, type TeacherCache } from './teacherCache.js';

/** What a teacher gives for a frame: class scores, or the features that were asked for. */
export type TeacherOutput = 'logits' | 'features';

/** Channels, height and width. */
export interface MapShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export interface TeacherOptions extends PreprocessingOptions, Pick<SessionOptions, 'device' | 'threads'> {
  /** An .onnx file: a network of ours, which is built anew for the batch, or any other. */
  readonly path: string;
  /** It is given so many samples, or a multiple of that, of crops of this size. */
  readonly batch: number;
  readonly crop: Size;
  /** Name of the value in it that serves as features: `fea`, `layer3` … of our networks, any inner value of others. */
  readonly features?: string | undefined;
  /** A folder that keeps what it gives for a frame; it then sees a sample at a time, so that maps follow from the frame alone. */
  readonly cache?: string | undefined;
  /** Told at most once, when the folder can no longer be written; the work goes on without. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface Teacher {
  readonly classes: NetworkClasses;
  /** Of its outputs for a batch's frames; `features` when they were asked for. */
  readonly shapes: Readonly<Partial<Record<TeacherOutput, MapShape>>>;
  /** Runs on normalised frames (SPEC §0), N×3×H×W, and gives N×C×h×w each. */
  run(images: Tensor<'float32'>, outputs: readonly TeacherOutput[]): Promise<TeacherMaps>;
  close(): Promise<void>;
}

export type TeacherMaps = Readonly<Partial<Record<TeacherOutput, Tensor<'float32'>>>>;

/** Values that an error about a missing one lists. */
const MAX_LISTED = 12;

/**
 * Opens a teacher: it is compiled with full graph optimisation and run once, to learn the shapes of its outputs.
 * Networks of other files than ours see a sample at a time, at their own input size where they have one.
 *
 * @throws SteadysegError for a file that is no segmentation network, and for features it does not have, naming those it has.
 */
export async function openTeacher(options: TeacherOptions): Promise<Teacher> {
  const sessions: Session[] = [];
  try {
    return await teacherOf(options, sessions);
  } catch (thrown) {
    await releaseAll(sessions);
    throw thrown;
  }
}

async function releaseAll(sessions: readonly Session[]): Promise<void> {
  await Promise.all(sessions.map((session) => session.release()));
}

/** @param sessions is given those that are opened. */
async function teacherOf(options: TeacherOptions, sessions: Session[]): Promise<Teacher> {
  const { path, batch, crop } = options;
  const found = await findNetwork(path);
  const content = found.content instanceof Uint8Array ? found.content : await readFileBounded(path, MAX_MODEL_BYTES);
  const { model, facts } = found;
  const description = describeNetwork(found, options);
  checkTeacher(description);
  const names = facts.classes;
  // Apart from the rest, so that the bytes are not kept as long as the teacher is.
  const { content: compiled, ...network } =
    ownNetwork(model, facts, options) ?? foreignNetwork(content, model, description, options);
  const session = await createSession(compiled, {
    device: options.device,
    threads: options.threads,
    source: `the teacher ${path}`,
  });
  sessions.push(session);
  const cache =
    options.cache === undefined
      ? undefined
      : createTeacherCache(
          options.cache,
          [
            content,
            JSON.stringify([
              description.preprocessing,
              network.size,
              options.features ?? null,
              options.device ?? 'cpu',
            ]),
          ],
          options.onWarning,
        );
  const adapter = await createAdapter(description.preprocessing, network.samples, crop, network.size);
  if (adapter) sessions.push(adapter);

  const compute = async (frames: Tensor<'float32'>, outputs: readonly TeacherOutput[]): Promise<TeacherMaps> => {
    const wanted = outputs.map((output) => [output, network.outputs[output]] as const);
    const results = await session.run(
      { [network.input]: network.half ? asHalf(frames) : frames },
      wanted.map(([, name]) => name),
    );
    return Object.fromEntries(
      wanted.map(([output, name]) => [output, mapOf(results[name], network.samples, name, path)]),
    );
  };
  const run = async (images: Tensor<'float32'>, outputs: readonly TeacherOutput[]): Promise<TeacherMaps> => {
    const parts: TeacherMaps[] = [];
    for (const image of samplesOf(images, network.samples)) {
      const part = adapter ? ((await adapter.run({ image })).frames as Tensor<'float32'>) : image;
      parts.push(cache ? await cached(cache, part, outputs, compute) : await compute(part, outputs));
    }
    return Object.fromEntries(outputs.map((output) => [output, joined(parts.flatMap((maps) => maps[output] ?? []))]));
  };
  const asked: TeacherOutput[] = options.features === undefined ? ['logits'] : ['logits', 'features'];
  const probe = await run(zeros('float32', [batch, 3, crop.height, crop.width]), asked);
  const shapes = Object.fromEntries(
    Object.entries(probe).map(([output, { shape }]) => {
      const [, channels, height, width] = shape;
      return [output, { channels, height, width }];
    }),
  ) as Teacher['shapes'];
  const count = shapes.logits?.channels ?? 0;
  if (names && names.length !== count) {
    throw new SteadysegError(`${path}: expected scores of its ${names.length} classes, found ${count}`);
  }
  return { classes: { count, names }, shapes, run, close: () => releaseAll(sessions) };
}

/** The network runs once for all outputs that are not kept yet. */
async function cached(
  cache: TeacherCache,
  frame: Tensor<'float32'>,
  outputs: readonly TeacherOutput[],
  compute: (frame: Tensor<'float32'>, outputs: readonly TeacherOutput[]) => Promise<TeacherMaps>,
): Promise<TeacherMaps> {
  let computed: Promise<TeacherMaps> | undefined;
  const maps: Partial<Record<TeacherOutput, Tensor<'float32'>>> = {};
  for (const output of outputs) {
    maps[output] = await cache.map(frame, output, async () => {
      computed ??= compute(frame, outputs);
      return (await computed)[output] ?? zeros('float32', [0]);
    });
  }
  return maps;
}

/** A network as it is compiled. */
interface TeacherNetwork {
  readonly content: Uint8Array;
  readonly input: string;
  /** Whether it takes float16. */
  readonly half: boolean;
  readonly outputs: Readonly<Record<TeacherOutput, string>>;
  /** Samples it sees at once. */
  readonly samples: number;
  readonly size: Size;
}

/** A network that `buildModel` made, for whole batches of crops; undefined for other files. */
function ownNetwork(
  model: Model,
  { architecture, widthMultiplier = 1 }: ModelDescription,
  { path, batch, crop, features, device, cache }: TeacherOptions,
): TeacherNetwork | undefined {
  const weights = weightsOfModel(model, path);
  if (!weights || !architecture) return undefined;
  const graph = createGraph(`teacher ${architecture}`);
  const samples = cache === undefined ? batch : 1;
  const image = input(graph, 'image', 'float32', [samples, 3, crop.height, crop.width]);
  const classes = weights.get('cls.4.weight')?.shape[0] ?? 0;
  const built = buildNetwork(architecture, graph, image, { classes, widthMultiplier, mode: inference });
  const outputs: Record<string, Value> = { logits: built.logits };
  if (features !== undefined) {
    if (!Object.hasOwn(built.features, features)) throw noSuchFeatures(path, features, Object.keys(built.features));
    outputs.features = built.features[features];
  }
  const onProcessor = device === undefined || device === 'cpu';
  const fast = onProcessor ? withWinograd(graph) : undefined;
  return {
    content: writeModel(exportModel(fast?.graph ?? graph, fast?.values(outputs) ?? outputs, { weights })),
    input: 'image',
    half: false,
    outputs: { logits: 'logits', features: 'features' },
    samples,
    size: crop,
  };
}

/** @throws SteadysegError for networks whose output cannot be distilled, or whose input is not that of frames in training. */
function checkTeacher({ source, input, output }: NetworkDescription): void {
  if (input.layout !== 'nchw' || input.dtype === 'uint8' || output.layout !== 'nchw') {
    throw new SteadysegError(
      `${source}: expected a teacher of planes of floats (1×3×height×width in, 1×classes×height×width out), found that "${input.name}" is ${input.dtype} ${input.layout}, "${output.name}" ${output.layout}`,
    );
  }
  if (output.kind === undefined || output.kind === 'logits') return;
  const found = output.kind === 'labels' ? 'gives labels' : `ends with a ${output.kind}`;
  throw new SteadysegError(
    `${source}: expected a teacher of scores before the softmax, found that "${output.name}" ${found}: export it without`,
  );
}

/** Any other network, as it is but for the features, which become an output. */
function foreignNetwork(
  content: Uint8Array,
  model: Model,
  description: NetworkDescription,
  { path, crop, features }: TeacherOptions,
): TeacherNetwork {
  const multiple = (size: number) =>
    Math.max(1, Math.round(size / description.sizeMultiple)) * description.sizeMultiple;
  const network = {
    input: description.input.name,
    half: description.input.dtype === 'float16',
    outputs: { logits: description.output.name, features: features ?? description.output.name },
    samples: 1,
    size: {
      height: description.height ?? multiple(crop.height),
      width: description.width ?? multiple(crop.width),
    },
  };
  if (features === undefined || model.graph.outputs.some(({ name }) => name === features)) {
    return { ...network, content };
  }
  const editor = createEditor(model);
  if (!editor.producer(features)) {
    throw noSuchFeatures(
      path,
      features,
      editor.nodes.flatMap((node) => node.outputs).filter((name) => name !== ''),
    );
  }
  editor.addOutput(features);
  return { ...network, content: writeModel(editor.finish()) };
}

function noSuchFeatures(path: string, wanted: string, names: readonly string[]): SteadysegError {
  const near = suggest(wanted, names);
  const listed = names.slice(-MAX_LISTED).join(', ');
  const which = names.length > MAX_LISTED ? `the last ${MAX_LISTED} of its ${names.length} values are` : 'it has';
  return new SteadysegError(
    `${path}: expected features of the teacher, found no value "${wanted}" in it${near ? `; did you mean ${near}?` : ''}; ${which} ${listed}`,
  );
}

/** A graph from SPEC's normalised frames to the teacher's input, or undefined where that is the same. */
async function createAdapter(
  { mean, std, channelOrder }: Preprocessing,
  samples: number,
  from: Size,
  to: Size,
): Promise<Session | undefined> {
  const graph = createGraph('frames for the teacher');
  const image = input(graph, 'image', 'float32', [samples, 3, from.height, from.width]);
  let frames: Value = image;
  const order = channelOrder === 'bgr' ? [2, 1, 0] : [0, 1, 2];
  const factors = order.map((colour) => imageNetStd[colour] / std[colour]);
  const shifts = order.map((colour) => (imageNetMean[colour] - mean[colour]) / std[colour]);
  const perChannel = (values: readonly number[]) =>
    constant(graph, tensor('float32', [1, 3, 1, 1], Float32Array.from(values)));
  if (channelOrder === 'bgr') frames = gather(frames, constant(graph, tensor('int32', [3], Int32Array.from(order))), 1);
  if (factors.some((factor) => Math.fround(factor) !== 1) || shifts.some((shift) => Math.abs(shift) > 1e-6)) {
    frames = add(mul(frames, perChannel(factors)), perChannel(shifts));
  }
  // Resized as for segmenting (SPEC §5): shrinking by a whole factor averages.
  const factor = (large: number, small: number) => (large % small === 0 ? large / small : 1);
  const kernel = [factor(from.height, to.height), factor(from.width, to.width)] as const;
  if (kernel[0] * kernel[1] > 1) frames = averagePool(frames, { kernel, strides: kernel });
  frames = bilinear(frames, to.height, to.width, 'half_pixel');
  if (frames === image) return undefined;
  return createSession(writeModel(exportModel(graph, { frames })), { source: "the teacher's input" });
}

/** A batch in parts of so many samples, over the same memory. */
function samplesOf(frames: Tensor<'float32'>, samples: number): Tensor<'float32'>[] {
  const [batch, ...rest] = frames.shape;
  const length = elementCount(rest) * samples;
  return Array.from({ length: batch / samples }, (_, n) =>
    tensor('float32', [samples, ...rest], frames.data.subarray(n * length, (n + 1) * length)),
  );
}

function asHalf({ shape, data }: Tensor<'float32'>): Tensor {
  return { dtype: 'float16', shape, data: float32ToFloat16(data) };
}

function mapOf(found: Tensor, samples: number, name: string, path: string): Tensor<'float32'> {
  const { shape, dtype, data } = found;
  const isMap = shape.length === 4 && shape[0] === samples && !shape.includes(0);
  if (!isMap || (dtype !== 'float32' && dtype !== 'float16')) {
    throw new SteadysegError(
      `${path}: expected "${name}" as float32 or float16 ${samples}×channels×height×width, found ${dtype} ${formatShape(shape)}`,
    );
  }
  const values = dtype === 'float16' ? float16ToFloat32(data as Uint16Array) : (data as Float32Array);
  return tensor('float32', shape, values);
}

/** Parts of a batch as one. */
function joined(parts: readonly Tensor<'float32'>[]): Tensor<'float32'> {
  if (parts.length === 1) return parts[0];
  const [samples, ...rest] = parts[0].shape;
  const data = new Float32Array(parts.length * parts[0].data.length);
  parts.forEach((part, n) => {
    data.set(part.data, n * part.data.length);
  });
  return tensor('float32', [parts.length * samples, ...rest], data);
}
