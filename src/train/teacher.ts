// The teacher of a distillation: a frozen network in a session of its own, fed the batch's frames the way it wants them.
import { SteadysegError, UsageError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import type { Size } from '../media/image.js';
import { inference } from '../nets/mode.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input, type Value } from '../onnx/graph.js';
import { averagePool, cast } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import { withWinograd } from '../onnx/winograd.js';
import { writeModel } from '../onnx/write.js';
import { createSession, type Session, type SessionOptions } from '../runtime/session.js';
import { inputSize } from '../segment/inputSize.js';
import type { DescribeOptions } from '../segment/network.js';
import type { PreprocessingOptions } from '../segment/preprocessing.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { elementCount, formatShape, type Tensor, tensor, zeros } from '../tensor/tensor.js';
import type { NetworkClasses } from './classMap.js';
import { type FileStudent, fileStudent } from './fileStudent.js';
import { normalize } from './normalize.js';
import { createTeacherCache, type TeacherCache } from './teacherCache.js';

/** What a teacher gives for a frame: class scores, or the features that were asked for. */
export type TeacherOutput = 'logits' | 'features';

/** Channels, height and width. */
export interface MapShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export interface TeacherOptions
  extends Pick<DescribeOptions, keyof PreprocessingOptions | 'output' | 'scores'>,
    Pick<SessionOptions, 'device' | 'threads'> {
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
  /** How its scores are brought to another size; corners aligned by default. */
  readonly enlargement: EnlargementMode | undefined;
  /** Of its outputs for a batch's frames; `features` when they were asked for. */
  readonly shapes: Readonly<Partial<Record<TeacherOutput, MapShape>>>;
  /** Runs on frames, RGB 0..255, N×3×H×W, and gives N×C×h×w each. */
  run(images: Tensor<'uint8'>, outputs: readonly TeacherOutput[]): Promise<TeacherMaps>;
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
  const teacher = await fileStudent(path, options);
  const { preprocessing, classes, enlargement } = teacher;
  const { content, ...network } = teacherNetwork(teacher, options);
  const session = await createSession(content, {
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
          [content, JSON.stringify([preprocessing, network.size, options.device ?? 'cpu'])],
          options.onWarning,
        );
  const compute = async (pixels: Tensor<'uint8'>, outputs: readonly TeacherOutput[]): Promise<TeacherMaps> => {
    const results = await session.run({ pixels }, outputs);
    return Object.fromEntries(outputs.map((output) => [output, mapOf(results[output], network.samples, output, path)]));
  };
  const run = async (images: Tensor<'uint8'>, outputs: readonly TeacherOutput[]): Promise<TeacherMaps> => {
    const parts: TeacherMaps[] = [];
    for (const image of samplesOf(images, network.samples)) {
      parts.push(cache ? await cached(cache, image, outputs, compute) : await compute(image, outputs));
    }
    return Object.fromEntries(outputs.map((output) => [output, joined(parts.flatMap((maps) => maps[output] ?? []))]));
  };
  const asked: TeacherOutput[] = options.features === undefined ? ['logits'] : ['logits', 'features'];
  const probe = await run(zeros('uint8', [batch, 3, crop.height, crop.width]), asked);
  const shapes = Object.fromEntries(
    Object.entries(probe).map(([output, { shape }]) => {
      const [, channels, height, width] = shape;
      return [output, { channels, height, width }];
    }),
  ) as Teacher['shapes'];
  return { classes, enlargement, shapes, run, close: () => releaseAll(sessions) };
}

/** The network runs once for all outputs that are not kept yet. */
async function cached(
  cache: TeacherCache,
  frame: Tensor<'uint8'>,
  outputs: readonly TeacherOutput[],
  compute: (frame: Tensor<'uint8'>, outputs: readonly TeacherOutput[]) => Promise<TeacherMaps>,
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
  /** Samples it sees at once. */
  readonly samples: number;
  readonly size: Size;
}

/**
 * The network for pixels of crops: ours for whole batches of them, others for a sample at a time at their own size. Frames are
 * resized as for segmenting (SPEC §5), where shrinking by a whole factor averages.
 */
function teacherNetwork(
  teacher: FileStudent,
  { path, batch, crop, features, device, cache }: TeacherOptions,
): TeacherNetwork {
  const graph = createGraph(`teacher ${teacher.name}`);
  const samples = !teacher.description && cache === undefined ? batch : 1;
  const size = sizeFor(teacher, crop);
  const pixels = cast(input(graph, 'pixels', 'uint8', [samples, 3, crop.height, crop.width]), 'float32');
  const built = teacher.build(normalize(resized(pixels, size), teacher.preprocessing), inference);
  const outputs: Record<string, Value> = { logits: built.logits };
  if (features !== undefined) {
    const value = built.features.get(features);
    if (!value) throw noSuchFeatures(path, features, [...built.features.keys()]);
    outputs.features = value;
  }
  const onProcessor = device === undefined || device === 'cpu';
  const fast = onProcessor ? withWinograd(graph) : undefined;
  const { weights } = teacher;
  const model = exportModel(fast?.graph ?? graph, fast?.values(outputs) ?? outputs, { weights });
  return { content: writeModel(model), samples, size };
}

/** The input size: fixed by the file, else the nearest to the crop's that it takes. */
function sizeFor({ description }: FileStudent, crop: Size): Size {
  return description ? inputSize(description, crop) : crop;
}

function resized(pixels: Value, to: Size): Value {
  const [, , height, width] = pixels.shape;
  const factor = (large: number, small: number) => (large % small === 0 ? large / small : 1);
  const kernel = [factor(height, to.height), factor(width, to.width)] as const;
  const averaged = kernel[0] * kernel[1] > 1 ? averagePool(pixels, { kernel, strides: kernel }) : pixels;
  return bilinear(averaged, to.height, to.width, 'half_pixel');
}

function noSuchFeatures(path: string, wanted: string, names: readonly string[]): UsageError {
  const near = suggest(wanted, names);
  const listed = names.slice(-MAX_LISTED).join(', ');
  const which = names.length > MAX_LISTED ? `the last ${MAX_LISTED} of its ${names.length} values are` : 'it has';
  return new UsageError(
    `${path}: expected features of the teacher, found no value "${wanted}" in it${near ? `; did you mean ${near}?` : ''}; ${which} ${listed}`,
  );
}

/** A batch in parts of so many samples, over the same memory. */
function samplesOf(frames: Tensor<'uint8'>, samples: number): Tensor<'uint8'>[] {
  const [batch, ...rest] = frames.shape;
  const length = elementCount(rest) * samples;
  return Array.from({ length: batch / samples }, (_, n) =>
    tensor('uint8', [samples, ...rest], frames.data.subarray(n * length, (n + 1) * length)),
  );
}

/** @throws SteadysegError for features that are no maps. */
function mapOf(found: Tensor, samples: number, output: string, path: string): Tensor<'float32'> {
  const { shape, dtype, data } = found;
  if (dtype === 'float32' && shape.length === 4 && shape[0] === samples && !shape.includes(0)) {
    return tensor('float32', shape, data as Float32Array);
  }
  throw new SteadysegError(
    `${path}: expected its ${output} as float32 ${samples}×channels×height×width, found ${dtype} ${formatShape(shape)}`,
  );
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
