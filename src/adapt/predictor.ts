// A student with given weights as it runs on frames of the clip: labels, or probabilities averaged over views of a frame.
import { createSession } from '#session';
import { messageOf, SteadysegError } from '../base/errors.js';
import type { Size } from '../media/image.js';
import { inference } from '../nets/mode.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input, type Value } from '../onnx/graph.js';
import { add, argMax, cast, floor, mul, reshape, slice, softmax, transpose } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import { withoutVanishedWeights } from '../onnx/vanishing.js';
import { writeModel } from '../onnx/write.js';
import type { Session, SessionOptions } from '../runtime/openSession.js';
import type { Tensor } from '../tensor/tensor.js';
import { normalize } from '../train/normalize.js';
import type { Student } from '../train/student.js';
import { type View, viewSize, viewsOf } from './views.js';

export interface PredictorOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  /** `labels`: H×W ids. `probabilities`: H×W×C bytes (times 255); `views`: the same, the mean over several views. */
  readonly gives: 'labels' | 'probabilities' | 'views';
  /** How many; the frame and its mirror image by default. */
  readonly views?: number | undefined;
}

/** A frame and its mirror image (SPEC §9). */
export const defaultViews = 2;

export interface Predictor {
  /** @param pixels RGB planes, 3×height×width. */
  run(pixels: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Compiles a student for frames of one size. */
export async function openPredictor(
  student: Student,
  weights: ReadonlyMap<string, Tensor>,
  { height, width }: Size,
  { gives, views = defaultViews, ...options }: PredictorOptions,
): Promise<Predictor> {
  const graph = createGraph(`${student.name} on the clip`);
  const pixels = input(graph, 'pixels', 'uint8', [1, 3, height, width]);
  const normalized = normalize(pixels, student.preprocessing);
  const scoresOf = (frame: Value) =>
    bilinear(student.build(frame, inference).logits, height, width, student.enlargement);
  const scores = scoresOf(normalized);
  const seen = (view: View) => {
    const size = viewSize({ height, width }, view);
    const frame = view.mirrored ? mirror(normalized) : normalized;
    const found = withinSizes(student, size, () => scoresOf(bilinear(frame, size.height, size.width, 'half_pixel')));
    return ofPixels(view.mirrored ? mirror(found) : found);
  };
  const probabilities = () => {
    const own = ofPixels(scores);
    const others = gives === 'views' ? viewsOf(views).slice(1).map(seen) : [];
    return others.length === 0 ? own : mul([own, ...others].reduce(add), 1 / (1 + others.length));
  };
  const y = gives === 'labels' ? reshape(cast(argMax(scores, 1), 'uint8'), [height, width]) : bytes(probabilities());
  const model = writeModel(withoutVanishedWeights(exportModel(graph, { y }, { weights })));
  const session: Session = await createSession(model, { ...options, source: student.name });
  return {
    async run(frame) {
      const found = await session.run({ pixels: { dtype: 'uint8', shape: [1, 3, height, width], data: frame } });
      return found.y.data as Uint8Array;
    },
    close: () => session.release(),
  };
}

/** Says what a network that allows no other sizes can do. */
function withinSizes(student: Student, { height, width }: Size, build: () => Value): Value {
  try {
    return build();
  } catch (thrown) {
    throw new SteadysegError(
      `${student.name}: expected a network that sees frames at ${height}×${width}, too: take at most ${defaultViews} views; ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** Left and right exchanged. */
function mirror(planes: Value): Value {
  return slice(planes, [3], [-1], [-planes.shape[3] - 1], [-1]);
}

/** N×H×W×C probabilities of N×C×H×W scores: on the last axis, the engine's softmax takes half as long. */
function ofPixels(scores: Value): Value {
  return softmax(transpose(scores, [0, 2, 3, 1]), -1);
}

/** 1×H×W×C probabilities times 255, rounded. */
function bytes(probabilities: Value): Value {
  return reshape(cast(floor(add(mul(probabilities, 255), 0.5)), 'uint8'), probabilities.shape.slice(1));
}
