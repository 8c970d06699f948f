// What an adaptation is asked to do, and what it opens to begin.
import { createHash } from 'node:crypto';
import { SteadysegError, UsageError } from '../base/errors.js';
import { sha256OfFile } from '../base/files.js';
import { packageVersion } from '../base/version.js';
import type { LabelFiles } from '../data/labelledFrames.js';
import { listFiles } from '../data/layouts.js';
import { flowContents } from '../flow/contents.js';
import { type FrameSource, frameCount, openFrames } from '../media/frames.js';
import type { RgbImage, Size } from '../media/image.js';
import { isStream } from '../media/videoInput.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { inputSize } from '../segment/inputSize.js';
import type { OnnxStudent, OnnxStudentOptions } from '../train/onnxStudent.js';
import { onnxStudent } from '../train/openStudent.js';
import { adaptable } from './adaptable.js';
import type { AdaptListeners } from './adaptClip.js';
import type { AdaptEstimate } from './estimate.js';
import { defaultViews } from './predictor.js';
import { viewsOf } from './views.js';

/** What it takes, with bytes of memory, as of the measurement. */
export type MeasuredEstimate = AdaptEstimate & { readonly memory: number };

/** What `adapt` takes. */
export interface AdaptOptions extends OnnxStudentOptions, AdaptListeners, Pick<SessionOptions, 'device' | 'threads'> {
  /** Videos, folders, globs or lists of frames: clips of the place to adapt to. */
  readonly inputs: readonly string[];
  /** The network (.onnx). */
  readonly model: string;
  /** Where the adapted network is written. */
  readonly out: string;
  /** As `evaluate tc` takes it; default `dis`. */
  readonly flow?: string | undefined;
  /**
   * What the network is for: `video` (default), the most for this camera and place, or `general`, for use elsewhere too: only
   * kernels adapt, and they go a shorter way.
   */
  readonly aim?: 'video' | 'general' | undefined;
  /** Other material, unlabelled, on which it is held to what it said (as `inputs`). */
  readonly keep?: readonly string[] | undefined;
  /** Updates, of both rounds; default: 5 a frame, from 150 to 500. */
  readonly steps?: number | undefined;
  /** Time it may take: as many steps as fit, at most `steps`; fewer where they turn out slower than measured. */
  readonly minutes?: number | undefined;
  /** Told what it will take, measured, before the work. */
  readonly onEstimate?: ((estimate: MeasuredEstimate) => void) | undefined;
  /**
   * Labels of some frames (a folder or list, paired by name): they judge how far the weights go, in place of the consensus, and
   * give the mIoU before and after. Nothing is trained on them.
   */
  readonly labels?: LabelFiles | undefined;
  /** Views of each frame in the consensus, 1, 2, 4 or 6: its mirror image (2 by default), and both at other sizes. */
  readonly views?: number | undefined;
  /** Frames at most. */
  readonly limit?: number | undefined;
  readonly seed?: number | undefined;
  /** Goes on with an interrupted adaptation to the same file. */
  readonly resume?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an adaptation works on. */
export interface Opened {
  readonly student: OnnxStudent;
  readonly sources: readonly FrameSource[];
  /** The first two frames. */
  readonly images: readonly RgbImage[];
  /** What frames are resized to. */
  readonly size: Size;
  /** Frames in all; of a video the best estimate. */
  readonly total: number;
}

/** Tells what was guessed or found. @throws as `adapt` does for what cannot be adapted. */
export async function openAdaptation(options: AdaptOptions): Promise<Opened> {
  const { model, inputs, limit } = options;
  if (inputs.length === 0) throw new UsageError('expected a video or frames to adapt to, found none');
  viewsOf(options.views ?? defaultViews);
  if (options.labels) await listFiles(options.labels.path, 'labels');
  const student = adaptable(await onnxStudent(model, options), { general: options.aim === 'general' });
  for (const note of student.description.notes) options.onNote?.(note);
  const sources = await openAgain(inputs, options.onNote);
  await openAgain(options.keep ?? []);
  const images = await firstImages(sources);
  const total = await countOf(sources, limit);
  return { student, sources, images, size: inputSize(student.description, images[0]), total };
}

/** Opens what is read more than once. @throws UsageError for a stream; what `openFrames` throws. */
async function openAgain(inputs: readonly string[], onNote?: (note: string) => void): Promise<FrameSource[]> {
  const stream = inputs.find(isStream);
  if (stream === undefined) return await Promise.all(inputs.map((input) => openFrames(input, { onNote })));
  throw new UsageError(`${stream}: expected frames that can be read again, found a stream: save it to a file first`);
}

/** The first two frames. @throws SteadysegError when there is none. */
async function firstImages(sources: readonly FrameSource[]): Promise<RgbImage[]> {
  const images: RgbImage[] = [];
  for (const source of sources) {
    for await (const { image } of source.frames()) {
      images.push(image);
      if (images.length === 2) return images;
    }
  }
  if (images.length > 0) return images;
  throw new SteadysegError(`${sources.map(({ input }) => input).join(', ')}: expected frames, found none`);
}

async function countOf(sources: readonly FrameSource[], limit = Number.POSITIVE_INFINITY): Promise<number> {
  let total = 0;
  for (const source of sources) {
    if (total >= limit) break;
    total += await frameCount(source, limit - total);
  }
  return total;
}

/** Raise it when the same frames would be prepared in another way than before: what was prepared is then of no use. */
const PREPARATION = 2;

/** What adapting follows by default. */
export const defaultFlow = 'dis';

/** Everything that the result follows from: options, and the contents of the model, the clips, the flow and what is kept. */
export async function settingsOf(options: AdaptOptions, sources: readonly FrameSource[]): Promise<string> {
  const {
    signal: _,
    onProgress: _p,
    onNote: _n,
    onEstimate: _e,
    onJudged: _j,
    resume: _r,
    threads: _t,
    ...deciding
  } = options;
  const kept = await Promise.all((options.keep ?? []).map((input) => openFrames(input)));
  const contents = await Promise.all([...sources, ...kept].map(contentOf));
  const labels = options.labels ? await listFiles(options.labels.path, 'labels') : [];
  for (const { path } of labels) contents.push(await sha256OfFile(path));
  return JSON.stringify({
    ...{ ...deciding, version: packageVersion(), preparation: PREPARATION },
    ...{ model: await sha256OfFile(options.model), contents },
    flowContents: await flowContents(options.flow ?? defaultFlow),
  });
}

/** A digest of everything that frames are read from. */
async function contentOf(source: FrameSource): Promise<string> {
  const hash = createHash('sha256');
  for (let index = 0; index < (source.paths?.length ?? 1); index++) hash.update(await source.fingerprint(index));
  return hash.digest('hex');
}
