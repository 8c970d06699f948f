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
  const classes = scores.shape[1];
  const seen = (view: View) => {
    const size = viewSize({ height, width }, view);
    const frame = view.mirrored ? mirror(normalized) : normalized;
    const found = withinSizes(student, size, () => scoresOf(bilinear(frame, size.height, size.width, 'half_pixel')));
    return softmax(view.mirrored ? mirror(found) : found, 1);
  };
  const probabilities = () => {
    const own = softmax(scores, 1);
    const others = gives === 'views' ? viewsOf(views).slice(1).map(seen) : [];
    return others.length === 0 ? own : mul([own, ...others].reduce(add), 1 / (1 + others.length));
  };
  const y =
    gives === 'labels' ? reshape(cast(argMax(scores, 1), 'uint8'), [height, width]) : bytes(probabilities(), classes);
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

/** Probabilities times 255, rounded, the classes of a pixel side by side. */
function bytes(probabilities: Value, classes: number): Value {
  const [, , height, width] = probabilities.shape;
  const last = transpose(probabilities, [0, 2, 3, 1]);
  return reshape(cast(floor(add(mul(last, 255), 0.5)), 'uint8'), [height, width, classes]);
}
