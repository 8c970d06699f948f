// The losses of PIDNet's boundary head (Xu et al., CVPR 2023, section 3.4).
import { SteadysegError } from '../base/errors.js';
import { detach, type Value } from '../onnx/graph.js';
import { add, cast, div, equal, greater, max, mul, reshape, sigmoid, softplus, sub, where } from '../onnx/ops.js';
import { meanOverRanks } from '../onnx/ranks.js';
import { bilinear } from '../onnx/resample.js';
import type { EnlargementMode } from '../tensor/interpolation.js';
import { sumOverSamples } from './sampleWeights.js';

/**
 * Binary cross entropy that counts both kinds of pixels alike: at boundaries weighted by the share of the others, elsewhere
 * by the share of boundaries, over the whole batch; the mean over all pixels that are known; 0 without any.
 * @param logits N×1×h×w. @param boundaries N×H×W uint8: 1 at boundaries, 0 elsewhere, 255 where that is not known.
 */
export function boundaryLoss(logits: Value, boundaries: Value, enlargement?: EnlargementMode): Value {
  const [batch, height, width] = boundaries.shape;
  const large = enlarged(logits, boundaries, enlargement);
  const ids = reshape(cast(boundaries, 'int32'), [batch, 1, height, width]);
  const inside = cast(equal(ids, 1), 'float32');
  const outside = cast(equal(ids, 0), 'float32');
  const [ones, zeros] = [inside, outside].map((pixels) => meanOverRanks(sumOverSamples(pixels, undefined)));
  const known = max(add(ones, zeros), 1 / logits.graph.ranks);
  const weight = add(mul(inside, div(zeros, known)), mul(outside, div(ones, known)));
  const crossEntropy = sub(softplus(large), mul(large, inside));
  return div(sumOverSamples(mul(weight, crossEntropy), undefined), known);
}

/** Above this probability of a boundary a pixel is near one. */
const certain = 0.8;
const ignoreLabel = 255;

/** `labels` (N×H×W) where the boundary head is sure of a boundary, 255 elsewhere; no gradient goes through the choice. */
export function labelsAtBoundaries(labels: Value, logits: Value, enlargement?: EnlargementMode): Value {
  const near = greater(sigmoid(detach(enlarged(logits, labels, enlargement))), certain);
  const ids = where(reshape(near, labels.shape), cast(labels, 'int32'), ignoreLabel);
  return cast(ids, 'uint8');
}

function enlarged(logits: Value, { shape: [batch, height, width] }: Value, mode: EnlargementMode | undefined): Value {
  if (logits.shape[0] !== batch || logits.shape[1] !== 1) {
    throw new SteadysegError(`expected boundary scores of ${batch}×1×h×w, found ${logits.shape.join('×')}`);
  }
  return bilinear(logits, height, width, mode);
}
