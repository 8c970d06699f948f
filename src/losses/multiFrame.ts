// Multi-frame distillation: a ConvLSTM shared by both networks sums up three frames (ETC section 3.3; SPEC section 3).
import { type ConvLstmState, convLstmCell } from '../nets/convLstm.js';
import { detach, type Value } from '../onnx/graph.js';
import { add, averagePool, mul, reduceSum, reduceSumSquare, reshape, sub } from '../onnx/ops.js';
import { elementCount } from '../tensor/tensor.js';
import { selfSimilarity } from './similarity.js';
import type { ThreeFrames } from './threeFrames.js';

/** Window and stride of the average pooling before self-similarity. */
const pooling = 16;
/** Channels of the ConvLSTM's state. */
const stateChannels = 4;
/** State-dict prefix of the ConvLSTM. */
const convLstmName = 'convlstm';

/**
 * Features (N×C×H×W; student and teacher may differ in C) pooled by 16 → cosine self-similarity of each frame → one ConvLSTM
 * over front, centre, back → `mse(cell_S, cell_T) + mse(hidden_S, hidden_T)`. The gradient goes into the student and the
 * ConvLSTM (the parameters `convlstm.Gates.*`), not into the teacher's features.
 */
export function multiFrameLoss(student: ThreeFrames<Value>, teacher: ThreeFrames<Value>): Value {
  const encode = (frames: ThreeFrames<Value>) => encodeFrames(frames, similarityMap);
  const [ofStudent, ofTeacher] = [encode(student), encode(detached(teacher))];
  return add(
    meanSquareDifference(ofStudent.cell, ofTeacher.cell),
    meanSquareDifference(ofStudent.hidden, ofTeacher.hidden),
  );
}

export interface TrainedMultiFrameLoss {
  /** mse(cell_S, cell_T). */
  readonly distance: Value;
  /** mean(1 - cell_T): keeps a ConvLSTM that is trained along from encoding everything as the same. */
  readonly antiCollapse: Value;
}

/** The form whose ConvLSTM is trained: each channel of the raw map (N×C×H×W, C the same for both) is a sequence of its own. */
export function trainedMultiFrameLoss(student: ThreeFrames<Value>, teacher: ThreeFrames<Value>): TrainedMultiFrameLoss {
  const encode = (frames: ThreeFrames<Value>) => encodeFrames(frames, channelsAsSequences);
  const [ofStudent, ofTeacher] = [encode(student).cell, encode(detached(teacher)).cell];
  const mean = mul(reduceSum(sub(1, ofTeacher), undefined, false), 1 / elementCount(ofTeacher.shape));
  return { distance: meanSquareDifference(ofStudent, ofTeacher), antiCollapse: mean };
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

/** N×C×H×W → N×1×P×P, P the number of pooled positions. */
function similarityMap(features: Value): Value {
  const pooled = averagePool(features, { kernel: [pooling, pooling], strides: [pooling, pooling] });
  const similarity = selfSimilarity(pooled);
  const [batch, positions] = similarity.shape;
  return reshape(similarity, [batch, 1, positions, positions]);
}

/** N×C×H×W → NC×1×H×W. */
function channelsAsSequences(map: Value): Value {
  const [batch, channels, height, width] = map.shape;
  return reshape(map, [batch * channels, 1, height, width]);
}

function meanSquareDifference(a: Value, b: Value): Value {
  return mul(reduceSumSquare(sub(a, b), undefined, false), 1 / elementCount(a.shape));
}
