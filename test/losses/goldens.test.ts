// Losses against the reference computation: values within 1e-5, gradients within 1e-4 relative. Most from the fixtures, the
// larger ones where the reference material is.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { cityscapesClassWeights, crossEntropy } from '#src/losses/crossEntropy.js';
import { motionLoss } from '#src/losses/motion.js';
import { multiFrameLoss, trainedMultiFrameLoss } from '#src/losses/multiFrame.js';
import { pixelWiseLoss } from '#src/losses/pixelWise.js';
import { type HardExampleMining, segmentationLoss } from '#src/losses/segmentation.js';
import { pairFramesLoss, type SimilarityConvention, selfSimilarityLoss } from '#src/losses/similarity.js';
import { overThreeFrames, type ThreeFrames } from '#src/losses/threeFrames.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, type Graph, input, type Value } from '#src/onnx/graph.js';
import { add, mul } from '#src/onnx/ops.js';
import { bilinear } from '#src/onnx/resample.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { readSafetensors } from '#src/weights/safetensors.js';
import { describeWithShared, sharedPath } from '../shared.js';

type Inputs = Readonly<Record<string, Value>>;
/** One loss, or the outputs of a loss of several parts in the golden's order. */
type Build = (inputs: Inputs) => Value | Value[];

const classWeights = cityscapesClassWeights;
const supervised =
  (mining?: HardExampleMining, weights: readonly number[] | undefined = classWeights): Build =>
  ({ logits, dsn, target }) =>
    segmentationLoss({ logits, auxiliaries: [dsn] }, target, { mining, classWeights: weights });

const bothFrames =
  (temperature?: number): Build =>
  (inputs) =>
    add(
      pixelWiseLoss(inputs.student, inputs.teacher, { temperature }),
      pixelWiseLoss(inputs.student_frame, inputs.teacher_frame, { temperature }),
    );

const pairFrames =
  (convention: SimilarityConvention): Build =>
  (inputs) =>
    pairFramesLoss(
      { frame: inputs.student, neighbour: inputs.student_frame },
      { frame: inputs.teacher, neighbour: inputs.teacher_frame },
      { convention },
    );

interface Networks {
  readonly student: Value;
  readonly teacher: Value;
}

function threeFrames(inputs: Inputs): ThreeFrames<Networks> {
  const at = (place: string) => ({ student: inputs[`student_${place}`], teacher: inputs[`teacher_${place}`] });
  return { front: at('front'), centre: at('centre'), back: at('back') };
}

const networks = (inputs: Inputs) => {
  const { front, centre, back } = threeFrames(inputs);
  const of = (network: 'student' | 'teacher') => ({
    front: front[network],
    centre: centre[network],
    back: back[network],
  });
  return { student: of('student'), teacher: of('teacher') };
};

const builds: Record<string, Build> = {
  cross_entropy: ({ logits, target }) => {
    const [, height, width] = target.shape;
    return crossEntropy(bilinear(logits, height, width), target, { classWeights });
  },
  dsn: supervised(),
  dsn_unweighted: ({ logits, dsn, target }) => segmentationLoss({ logits, auxiliaries: [dsn] }, target),
  ohem_dsn: supervised({ threshold: 0.3, minKept: 2000, heads: 'both' }),
  ohem_dsn_single: supervised({ threshold: 0.3, minKept: 2000, heads: 'main' }),
  ohem_dsn_min_kept: supervised({ threshold: 0.01, minKept: 6000, heads: 'both' }),
  motion: ({ logits, logits_frame, image, frame, flow }) =>
    mul(motionLoss({ logits, neighbourLogits: logits_frame, image, neighbour: frame, flow }), 0.1),
  kd: bothFrames(),
  kd_T2: bothFrames(2),
  kd_long: (inputs) => overThreeFrames(threeFrames(inputs), ({ student, teacher }) => pixelWiseLoss(student, teacher)),
  pair_frames_cosine: pairFrames('cosine'),
  pair_frames_etc2020: pairFrames('etc-2020'),
  self_similarity: (inputs) =>
    overThreeFrames(threeFrames(inputs), ({ student, teacher }) => selfSimilarityLoss(student, teacher)),
  multi_frame: (inputs) => {
    const { student, teacher } = networks(inputs);
    return multiFrameLoss(student, teacher);
  },
  multi_frame_gan: (inputs) => {
    const { student, teacher } = networks(inputs);
    const { distance, antiCollapse } = trainedMultiFrameLoss(student, teacher);
    return [distance, antiCollapse];
  },
};

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'losses');
const [kept, others] = [true, false].map((inFixtures) =>
  Object.entries(builds).filter(([name]) => existsSync(join(fixtures, `${name}.safetensors`)) === inFixtures),
);

describe('loss goldens', () => compareAll(fixtures, kept));
describeWithShared('larger loss goldens', ['goldens/losses'], () =>
  compareAll(sharedPath('goldens', 'losses'), others),
);

function compareAll(folder: string, losses: readonly [name: string, build: Build][]): void {
  for (const [name, build] of losses) {
    it(`${name} equals the reference in value and gradients`, async () => {
      const { tensors } = await readSafetensors(join(folder, `${name}.safetensors`));
      const graph = createGraph(name);
      const inputs: Record<string, Value> = {};
      const feeds: Record<string, Tensor> = {};
      for (const [key, content] of tensors) {
        if (!key.startsWith('in.')) continue;
        const fed =
          content.dtype === 'int64'
            ? tensor('uint8', content.shape, Uint8Array.from(content.data as BigInt64Array, Number))
            : content;
        inputs[key.slice(3)] = input(graph, key.slice(3), fed.dtype, fed.shape);
        feeds[key.slice(3)] = fed;
      }
      const built = build(inputs);
      const parts = Array.isArray(built) ? built : [built];
      for (const [key, content] of tensors) if (key.startsWith('param.')) feeds[key.slice(6)] = content;
      const wanted = [...tensors.keys()].filter((key) => key.startsWith('grad.')).map((key) => key.slice(5));
      const computed = gradients(
        graph,
        parts.reduce(add),
        wanted.map((key) => differentiated(graph, inputs, key)),
      );
      const losses = Object.fromEntries(parts.map((value, i) => [`out.${i}`, value]));
      const outputs = Object.fromEntries(wanted.map((key, i) => [`gradient.${key}`, computed[i]]));
      const session = await createSession(writeModel(exportModel(graph, { ...losses, ...outputs })), {
        optimization: 'disabled',
      });
      const found = await session.run(feeds);
      for (const key of Object.keys(losses)) {
        const expected = Number(tensors.get(key)?.data[0]);
        expect(Math.abs(Number(found[key].data[0]) - expected) / Math.abs(expected), key).toBeLessThan(1e-5);
      }
      for (const key of wanted) {
        const expected = tensors.get(`grad.${key}`)?.data as Float32Array;
        expect(relativeDifference(found[`gradient.${key}`].data as Float32Array, expected), key).toBeLessThan(1e-4);
      }
    });
  }
}

/** What a golden's gradient is of: an input, or a parameter of the graph (`param.NAME`). */
function differentiated(graph: Graph, inputs: Inputs, key: string): Value {
  const value = inputs[key] ?? graph.parameters.get(key.replace(/^param\./, ''))?.value;
  if (!value) throw new Error(`the graph has no ${key}`);
  return value;
}

/** ‖a - b‖ / ‖b‖. */
function relativeDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  return norm(a.map((value, i) => value - b[i])) / norm(b);
}
