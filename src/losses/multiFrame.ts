// Multi-frame distillation: a ConvLSTM shared by both networks sums up three frames (ETC section 3.3; SPEC section 3).
import { SteadysegError } from '../base/errors.js';
import { type ConvLstmState, convLstmCell } from '../nets/convLstm.js';
import { detach, type Value } from '../onnx/graph.js';
import { add, mul, reshape, sub } from '../onnx/ops.js';
import { elementCount } from '../tensor/tensor.js';
import { meanSquare, type SampleWeights, sumOverSamples } from './sampleWeights.js';
import { poolFeatures, selfSimilarity } from './similarity.js';
import type { ThreeFrames } from './threeFrames.js';

/** Channels of the ConvLSTM's state. */
const stateChannels = 4;
/** State-dict prefix of the ConvLSTM. */
export const convLstmName = 'convlstm';

export interface MultiFrameOptions {
  /** Which samples count. */
  readonly weights?: SampleWeights;
}

export interface SimilarityMultiFrameOptions extends MultiFrameOptions {
  /** Window and stride of the average pooling before self-similarity; 16 by default. */
  readonly pooling?: number | undefined;
}

/**
 * Features (N×C×H×W; student and teacher may differ in C) average-pooled → cosine self-similarity of each frame → one
 * ConvLSTM over front, centre, back → `mse(cell_S, cell_T) + mse(hidden_S, hidden_T)`. The gradient goes into the student
 * and the ConvLSTM (the parameters `convlstm.Gates.*`), not into the teacher's features.
 */
export function multiFrameLoss(
  student: ThreeFrames<Value>,
  teacher: ThreeFrames<Value>,
  { pooling = 16, weights }: SimilarityMultiFrameOptions = {},
): Value {
  const encode = (frames: ThreeFrames<Value>) =>
    encodeFrames(frames, (features) => similarityMap(poolFeatures(features, pooling)));
  const [ofStudent, ofTeacher] = [encode(student), encode(detached(teacher))];
  return add(
    meanSquare(sub(ofStudent.cell, ofTeacher.cell), weights),
    meanSquare(sub(ofStudent.hidden, ofTeacher.hidden), weights),
  );
}

export interface TrainedMultiFrameLoss {
  /** mse(cell_S, cell_T). */
  readonly distance: Value;
  /** mean(1 - cell_T): keeps a ConvLSTM that is trained along from encoding everything as the same. */
  readonly antiCollapse: Value;
}

/** The form whose ConvLSTM is trained: each channel of the raw map (N×C×H×W, C the same for both) is a sequence of its own. */
export function trainedMultiFrameLoss(
  student: ThreeFrames<Value>,
  teacher: ThreeFrames<Value>,
  { weights }: MultiFrameOptions = {},
): TrainedMultiFrameLoss {
  const [batch, channels] = student.centre.shape;
  if (teacher.centre.shape[1] !== channels) {
    throw new SteadysegError(
      `expected maps of as many channels for the trained multi-frame loss, found ${channels} of the student and ${teacher.centre.shape[1]} of the teacher`,
    );
  }
  const encode = (frames: ThreeFrames<Value>) => {
    const { cell } = encodeFrames(frames, channelsAsSequences);
    const [, states, height, width] = cell.shape;
    return reshape(cell, [batch, channels * states, height, width]);
  };
  const [ofStudent, ofTeacher] = [encode(student), encode(detached(teacher))];
  return {
    distance: meanSquare(sub(ofStudent, ofTeacher), weights),
    antiCollapse: mul(sumOverSamples(sub(1, ofTeacher), weights), 1 / elementCount(ofTeacher.shape)),
  };
}

function detached({ front, centre, back }: ThreeFrames<Value>): ThreeFrames<Value> {
  return { front: detach(front), centre: detach(centre), back: detach(back) };
}

/** The ConvLSTM's last state after front, centre and back. */
function encodeFrames(frames: ThreeFrames<Value>, mapOf: (features: Value) => Value): ConvLstmState {
  const first = convLstmCell(mapOf(frames.front), convLstmName, stateChannels);
  const second = convLstmCell(mapOf(frames.centre), convLstmName, stateChannels, first);
  return convLstmCell(mapOf(frames.back), convLstmName, stateChannels, second);
}

/** N×C×H×W → N×1×P×P, P the number of positions. */
function similarityMap(features: Value): Value {
  const similarity = selfSimilarity(features);
  const [batch, positions] = similarity.shape;
  return reshape(similarity, [batch, 1, positions, positions]);
}

/** N×C×H×W → NC×1×H×W. */
function channelsAsSequences(map: Value): Value {
  const [batch, channels, height, width] = map.shape;
  return reshape(map, [batch * channels, 1, height, width]);
}
