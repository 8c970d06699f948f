// Losses against the reference computation: values within 1e-5, gradients within 1e-4 relative.

import { expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { cityscapesClassWeights, crossEntropy } from '#src/losses/crossEntropy.js';
import { motionLoss } from '#src/losses/motion.js';
import { pixelWiseLoss } from '#src/losses/pixelWise.js';
import { type HardExampleMining, segmentationLoss } from '#src/losses/segmentation.js';
import { pairFramesLoss, type SimilarityConvention, selfSimilarityLoss } from '#src/losses/similarity.js';
import { overThreeFrames, type ThreeFrames } from '#src/losses/threeFrames.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { add, mul } from '#src/onnx/ops.js';
import { bilinear } from '#src/onnx/resample.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';
import { readSafetensors } from '#src/weights/safetensors.js';
import { describeWithShared, sharedPath } from '../shared.js';

type Inputs = Readonly<Record<string, Value>>;
type Build = (inputs: Inputs) => Value;

const classWeights = cityscapesClassWeights;
const supervised =
  (mining?: HardExampleMining, weights: readonly number[] | undefined = classWeights): Build =>
  ({ logits, dsn, target }) =>
    segmentationLoss({ logits, auxiliary: dsn }, target, { mining, classWeights: weights });

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

const builds: Record<string, Build> = {
  cross_entropy: ({ logits, target }) => {
    const [, height, width] = target.shape;
    return crossEntropy(bilinear(logits, height, width), target, { classWeights });
  },
  dsn: supervised(),
  dsn_unweighted: ({ logits, dsn, target }) => segmentationLoss({ logits, auxiliary: dsn }, target),
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
};

describeWithShared('losses', ['goldens/losses'], () => {
  for (const [name, build] of Object.entries(builds)) {
    it(`${name} equals the reference in value and gradients`, async () => {
      const { tensors } = await readSafetensors(sharedPath('goldens', 'losses', `${name}.safetensors`));
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
      const loss = build(inputs);
      const wanted = [...tensors.keys()].filter((key) => key.startsWith('grad.')).map((key) => key.slice(5));
      const computed = gradients(
        graph,
        loss,
        wanted.map((key) => inputs[key]),
      );
      const outputs = Object.fromEntries(wanted.map((key, i) => [`gradient.${key}`, computed[i]]));
      const session = await createSession(writeModel(exportModel(graph, { loss, ...outputs })), {
        optimization: 'disabled',
      });
      const found = await session.run(feeds);
      const expectedLoss = Number(tensors.get('out.0')?.data[0]);
      expect(Math.abs(Number(found.loss.data[0]) - expectedLoss) / Math.abs(expectedLoss)).toBeLessThan(1e-5);
      for (const key of wanted) {
        const expected = tensors.get(`grad.${key}`)?.data as Float32Array;
        expect(relativeDifference(found[`gradient.${key}`].data as Float32Array, expected), key).toBeLessThan(1e-4);
      }
    });
  }
});

/** ‖a - b‖ / ‖b‖. */
function relativeDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const norm = (values: Float32Array) => Math.hypot(...values);
  return norm(a.map((value, i) => value - b[i])) / norm(b);
}
