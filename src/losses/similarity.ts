// Pair-wise distillation: how alike two positions are should be the same for student and teacher (SPEC section 3).
import { SteadysegError } from '../base/errors.js';
import { detach, type Value } from '../onnx/graph.js';
import {
  add,
  averagePool,
  div,
  matMul,
  mul,
  reduceSumSquare,
  reshape,
  slice,
  sqrt,
  sub,
  transpose,
} from '../onnx/ops.js';
import { type SampleWeights, squareSumOverSamples } from './sampleWeights.js';

/** Rows of the similarity matrix computed at once: at 96×96 positions a block of both networks is 75 MB instead of 680 MB. */
const defaultBlockRows = 1024;
/** The norm of a position without features, which has similarity 0. Added under the root, whose gradient at 0 is infinite. */
const smallestNorm = 1e-8;

/** `cosine`, or the release's transposed norms: A[i,j] = q_i·p_j / (‖p_i‖‖q_j‖). */
export type SimilarityConvention = 'cosine' | 'etc-2020';

export interface PairFramesOptions {
  readonly convention?: SimilarityConvention | undefined;
  /** Rows of the similarity matrix computed at once. */
  readonly blockRows?: number | undefined;
  /** Which samples count. */
  readonly weights?: SampleWeights;
}

/** Features of frame t (rows i of the similarity matrix) and of its neighbour t' (columns j), each N×C×h×w. */
export interface FramePair {
  readonly frame: Value;
  readonly neighbour: Value;
}

/**
 * mean((A_S - A_T)²) over all pairs of a position i of frame t and a position j of frame t', computed in blocks of rows.
 * Student and teacher may differ in channels, not in height and width. What the gradient needs is kept: h²w² floats a sample.
 */
export function pairFramesLoss(student: FramePair, teacher: FramePair, options: PairFramesOptions = {}): Value {
  const { convention = 'cosine', blockRows = defaultBlockRows, weights } = options;
  const ofStudent = similarityFactors(student, convention);
  const ofTeacher = similarityFactors(
    { frame: detach(teacher.frame), neighbour: detach(teacher.neighbour) },
    convention,
  );
  return meanSquareDifference(ofStudent, ofTeacher, blockRows, weights);
}

export interface SelfSimilarityOptions {
  /** Window and stride of the average pooling; 2 by default. */
  readonly pooling?: number | undefined;
  /** Which samples count. */
  readonly weights?: SampleWeights;
}

/** Cosine similarity within one frame, after average pooling: mean((A_S - A_T)²). */
export function selfSimilarityLoss(student: Value, teacher: Value, options: SelfSimilarityOptions = {}): Value {
  const { pooling = 2, weights } = options;
  const pooled = (features: Value) => poolFeatures(features, pooling);
  const [ofStudent, ofTeacher] = [pooled(student), pooled(teacher)];
  return pairFramesLoss(
    { frame: ofStudent, neighbour: ofStudent },
    { frame: ofTeacher, neighbour: ofTeacher },
    { weights },
  );
}

/** Average pooling over windows of size × size that do not overlap. @throws SteadysegError when no window fits. */
export function poolFeatures(features: Value, size: number): Value {
  const [, , height, width] = features.shape;
  if (Math.min(height, width) < size) {
    throw new SteadysegError(
      `expected features of at least ${size}×${size} positions to pool by ${size}, found ${height}×${width}`,
    );
  }
  return size === 1 ? features : averagePool(features, { kernel: [size, size], strides: [size, size] });
}

/** Cosine similarity of all positions with all positions of one frame: N×C×h×w → N×hw×hw. */
export function selfSimilarity(features: Value): Value {
  const { rows, columns } = similarityFactors({ frame: features, neighbour: features }, 'cosine');
  return matMul(rows, columns);
}

/** The similarity matrix as a product: rows N×P×C, columns N×C×P, norms divided out. */
interface SimilarityFactors {
  readonly rows: Value;
  readonly columns: Value;
}

function similarityFactors({ frame, neighbour }: FramePair, convention: SimilarityConvention): SimilarityFactors {
  const q = flat(frame);
  const p = frame === neighbour ? q : flat(neighbour);
  const [byRow, byColumn] = convention === 'cosine' ? [q, p] : [p, q];
  return { rows: transpose(div(q, norms(byRow)), [0, 2, 1]), columns: div(p, norms(byColumn)) };
}

function flat(features: Value): Value {
  const [batch, channels, height, width] = features.shape;
  return reshape(features, [batch, channels, height * width]);
}

function norms(features: Value): Value {
  return sqrt(add(reduceSumSquare(features, [1]), smallestNorm ** 2));
}

function meanSquareDifference(
  student: SimilarityFactors,
  teacher: SimilarityFactors,
  blockRows: number,
  weights: SampleWeights,
): Value {
  const [batch, positions] = student.rows.shape;
  if (teacher.rows.shape[1] !== positions) {
    throw new SteadysegError(
      `expected features of one size, found ${positions} positions of the student and ${teacher.rows.shape[1]} of the teacher`,
    );
  }
  const sums: Value[] = [];
  for (let start = 0; start < positions; start += blockRows) {
    const end = Math.min(start + blockRows, positions);
    const block = ({ rows, columns }: SimilarityFactors) =>
      matMul(start === 0 && end === positions ? rows : slice(rows, [1], [start], [end]), columns);
    sums.push(squareSumOverSamples(sub(block(student), block(teacher)), weights));
  }
  return mul(sums.reduce(add), 1 / (batch * positions * positions));
}
