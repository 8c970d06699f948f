// Adapting in a browser: what `adapt` does in Node, of a network's bytes and frames in memory.
import { SteadysegError } from '../base/errors.js';
import { inverseSearchHere } from '../flow/inverseSearchHere.js';
import type { RgbImage } from '../media/image.js';
import type { SessionOptions } from '../runtime/openSession.js';
import { inputSize } from '../segment/inputSize.js';
import { fetchNetwork } from '../segment/webModel.js';
import { type OnnxStudentOptions, studentOfNetwork } from '../train/onnxStudent.js';
import { adaptable } from './adaptable.js';
import { type AdaptedClip, type AdaptListeners, adaptToClip } from './adaptClip.js';
import type { ClipSource } from './clip.js';
import { type AdaptEstimate, estimate, measureCosts } from './estimate.js';
import { usualSteps } from './rounds.js';

/** What `adapt` takes in a browser. */
export interface WebAdaptOptions
  extends OnnxStudentOptions,
    AdaptListeners,
    Pick<SessionOptions, 'device' | 'threads'> {
  /** Updates, of both rounds; default: 5 a frame, from 150 to 500. */
  readonly steps?: number | undefined;
  /** Default 1. */
  readonly seed?: number | undefined;
  /** Told what it will take, measured, before the work. */
  readonly onEstimate?: ((estimate: AdaptEstimate) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Ends the training early: what was trained until then is chosen from and judged. */
  readonly finish?: AbortSignal | undefined;
}

/** An adapted network, with the figures before and after. */
export interface WebAdaptation extends Omit<AdaptedClip, 'weights'> {
  /** False when nothing safe made it steadier: the model then holds the original's weights. */
  readonly adapted: boolean;
  /** The same file with other numbers in its weights. */
  readonly model: Uint8Array;
}

/**
 * Adapts a network to a clip, as `adapt` does in Node, in the calling thread: a program calls it in a worker, which hears of
 * signals between two runs of the network. Frames are kept in memory at the network's input size, with 22 bytes and three a class
 * for each pixel.
 *
 * @param content address of an .onnx file, or its bytes.
 * @param frames neighbouring frames of one clip and size.
 * @throws SteadysegError for a network that has no scores or weights to learn with, and for fewer than two frames.
 */
export async function adapt(
  content: string | URL | Uint8Array,
  frames: readonly RgbImage[],
  options: WebAdaptOptions = {},
): Promise<WebAdaptation> {
  const {
    steps = usualSteps(frames.length),
    seed = 1,
    signal,
    finish,
    device,
    threads,
    onProgress,
    onNote,
    onJudged,
  } = options;
  const found = await fetchNetwork(content);
  const student = adaptable(studentOfNetwork(found, found.content, options), { general: false });
  for (const note of student.description.notes) onNote?.(note);
  if (frames.length < 2) throw new SteadysegError(`expected at least 2 frames to adapt to, found ${frames.length}`);
  const size = inputSize(student.description, frames[0]);
  const measured = { ...size, classes: student.classes.count };
  const flow = inverseSearchHere();
  const costs = await measureCosts(student, frames.slice(0, 2), measured, flow, { device, threads });
  options.onEstimate?.(estimate(costs, frames.length, steps, measured));
  const { weights, alpha, ...adapted } = await adaptToClip(student, {
    ...{ size, flow, steps, seed, signal, finish, device, threads, onProgress, onNote, onJudged },
    sources: [clipOf(frames)],
    total: frames.length,
    name: 'the clip',
    folder: '',
  });
  const model = student.toModel(weights, { size: [size.height, size.width], description: {} });
  return { adapted: alpha > 0, alpha, ...adapted, model };
}

function clipOf(frames: readonly RgbImage[]): ClipSource {
  return {
    clips: [{ name: 'the clip', first: 0, count: frames.length }],
    async *frames() {
      for (const [index, image] of frames.entries()) yield { index, stem: String(index).padStart(6, '0'), image };
    },
  };
}
