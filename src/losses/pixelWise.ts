// Pixel-wise distillation: the student's class distribution should be the teacher's (SPEC section 3).
import { detach, type Value } from '../onnx/graph.js';
import { div, exp, log, mul, reduceMax, reduceSum, sub } from '../onnx/ops.js';
import { bilinear } from '../onnx/resample.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { elementCount } from '../tensor/tensor.js';
import { type SampleWeights, sumOverSamples } from './sampleWeights.js';

export interface PixelWiseOptions {
  /** Both distributions are softened by it; 1 by default. */
  readonly temperature?: number | undefined;
  /** Which samples count. */
  readonly weights?: SampleWeights;
  /** How the student's scores are brought to the teacher's size; corners aligned by default. */
  readonly enlargement?: EnlargementMode | undefined;
}

/**
 * KL(softmax(T/τ) ‖ softmax(S/τ)), the mean over all elements, classes included. `student` N×C×h×w is brought to the size of
 * `teacher` N×C×H×W bilinearly. The gradient goes into the student.
 */
export function pixelWiseLoss(
  student: Value,
  teacher: Value,
  { temperature = 1, weights, enlargement }: PixelWiseOptions = {},
): Value {
  const [height, width] = teacher.shape.slice(2);
  const soften = (logits: Value) => (temperature === 1 ? logits : mul(logits, 1 / temperature));
  const ofStudent = logSoftmax(soften(bilinear(student, height, width, enlargement)));
  const ofTeacher = logSoftmax(soften(detach(teacher)));
  const divergence = mul(exp(ofTeacher), sub(ofTeacher, ofStudent));
  return div(sumOverSamples(divergence, weights), elementCount(teacher.shape));
}

/** Over the classes, as maximum, subtraction, exponential and sum: the engine's own softmax is slow on this axis. */
function logSoftmax(logits: Value): Value {
  const peak = detach(reduceMax(logits, [1]));
  const shifted = sub(logits, peak);
  return sub(shifted, log(reduceSum(exp(shifted), [1])));
}
