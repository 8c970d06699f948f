// A student with given weights as it runs on frames of the clip: labels, or probabilities averaged over a frame and its mirror image.

import { createSession } from '#session';
import type { Size } from '../media/image.js';
import { inference } from '../nets/mode.js';
import { exportModel } from '../onnx/export.js';
import { createGraph, input, type Value } from '../onnx/graph.js';
import { add, argMax, cast, floor, mul, reshape, slice, softmax, transpose } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import { writeModel } from '../onnx/write.js';
import type { Session, SessionOptions } from '../runtime/openSession.js';
import type { Tensor } from '../tensor/tensor.js';
import { normalize } from '../train/normalize.js';
import type { Student } from '../train/student.js';

export interface PredictorOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  /** `labels`: H×W ids. `probabilities`: H×W×C bytes (times 255); `views`: the same, the mean of the frame and its mirror image. */
  readonly gives: 'labels' | 'probabilities' | 'views';
}

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
  { gives, ...options }: PredictorOptions,
): Promise<Predictor> {
  const graph = createGraph(`${student.name} on the clip`);
  const pixels = input(graph, 'pixels', 'uint8', [1, 3, height, width]);
  const scoresOf = (frame: Value) =>
    bilinear(
      student.build(normalize(frame, student.preprocessing), inference).logits,
      height,
      width,
      student.enlargement,
    );
  const scores = scoresOf(pixels);
  const classes = scores.shape[1];
  const probabilities = () => {
    const own = softmax(scores, 1);
    return gives === 'views' ? mul(add(own, softmax(mirror(scoresOf(mirror(pixels))), 1)), 0.5) : own;
  };
  const y =
    gives === 'labels' ? reshape(cast(argMax(scores, 1), 'uint8'), [height, width]) : bytes(probabilities(), classes);
  const model = writeModel(exportModel(graph, { y }, { weights }));
  const session: Session = await createSession(model, { ...options, source: student.name });
  return {
    async run(frame) {
      const found = await session.run({ pixels: { dtype: 'uint8', shape: [1, 3, height, width], data: frame } });
      return found.y.data as Uint8Array;
    },
    close: () => session.release(),
  };
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
