// The total of a step's losses, and what of samples and of a teacher's classes it sees.
import { describe, expect, it } from 'vitest';
import { resize } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { labelsByName, symmetricByName } from '#src/tensor/random.js';
import { type Shape, type Tensor, tensor } from '#src/tensor/tensor.js';
import { createOptimizer, publishedSgd } from '#src/train/optimizer.js';
import { computeGradients, createTrainingState } from '#src/train/state.js';
import { buildTrainingStep, type StepOptions } from '#src/train/step.js';
import type { Student } from '#src/train/student.js';
import { tinyStudent } from './tinyStudent.js';

const [height, width] = [32, 48];
const classes = 3;
const common: StepOptions = {
  ...{ student: tinyStudent(classes), batch: 2, height, width },
  ...{ dropout: false, segmentation: {} },
};

const picture = (name: string, samples = 2) => labelsByName(name, [samples, 3, height, width], 256);
const labels = labelsByName('labels', [2, height, width], classes);
const scores = (shape: Shape) => symmetricByName('scores', shape, 3);
const teacherOf = (channels: number, rows: number, columns: number) => ({
  shapes: { logits: { channels, height: rows, width: columns } },
  on: 'logits',
});

/** The losses of a step with its first weights. */
async function losses(changes: Partial<StepOptions>, feeds: Record<string, Tensor>): Promise<Record<string, number>> {
  const step = buildTrainingStep({ ...common, ...changes });
  const session = await createSession(writeModel(step.model), { optimization: 'disabled', threads: 1 });
  try {
    const { weights } = common.student;
    const state = createTrainingState(step, createOptimizer(publishedSgd, new Map()), 5, weights);
    return { ...(await computeGradients(step, session, state, [feeds])).losses };
  } finally {
    await session.release();
  }
}

it('the total is each loss times its weight, of the last samples where the first have no neighbours', async () => {
  const [image, neighbour, flow] = [picture('a'), picture('b'), symmetricByName('flow', [2, 2, height, width], 3)];
  const two = await losses({ losses: { motion: 400 } }, { image, neighbour, flow, labels });
  expect(400 * two.motion).toBeGreaterThan(0.1);
  expect(two.loss).toBeCloseTo(two.segmentation + 400 * two.motion, 4);

  const alone = picture('alone', 1);
  const three = await losses(
    { losses: { motion: 1 }, batch: 3, withNeighbours: 2 },
    {
      ...{ neighbour, flow },
      image: tensor('uint8', [3, 3, height, width], Uint8Array.of(...alone.data, ...image.data)),
      labels: labelsByName('labels', [3, height, width], classes),
    },
  );
  expect(three.motion / two.motion).toBeCloseTo(1, 5);
});

it('every loss sees scores as large as the frames, enlarged as the student says', async () => {
  const student: Student = { ...common.student, enlargement: 'half_pixel' };
  // The same, with the enlargement as its own last step.
  const large: Student = {
    ...common.student,
    build(image, mode) {
      const outputs = common.student.build(image, mode);
      const size = [image.shape[0], classes, height, width];
      return { ...outputs, logits: resize(outputs.logits, size, 'linear', 'half_pixel') };
    },
  };
  const feeds = {
    ...{
      image: picture('a'),
      neighbour: picture('b'),
      flow: symmetricByName('flow', [2, 2, height, width], 3),
      labels,
    },
    ...{ 'targets.frame': targetsOf('frame'), 'targets.neighbour': targetsOf('neighbour') },
    'teacher.frame.logits': scores([2, classes, height, width]),
    'teacher.neighbour.logits': scores([2, classes, height, width]),
  };
  const changes = { losses: { motion: 1, consensus: 1, pixel: 1 }, teacher: teacherOf(classes, height, width) };
  const [found, expected, aligned] = await Promise.all(
    [student, large, common.student].map((one) => losses({ ...changes, student: one }, feeds)),
  );
  for (const name of ['segmentation', 'motion', 'consensus', 'pixel']) {
    expect(found[name] / expected[name], name).toBeCloseTo(1, 4);
    expect(Math.abs(aligned[name] / expected[name] - 1), name).toBeGreaterThan(1e-4);
  }
});

const targetsOf = (name: string) => labelsByName(`targets.${name}`, [2, height, width, classes], 255);

describe('a teacher', () => {
  const image = picture('a');
  const options = { losses: { pixel: 1 }, frames: 1 } as const;

  it("has probabilities that add up over the classes that stand for one of the student's, however large its scores are", async () => {
    const three = scores([2, classes, 4, 6]);
    const plane = 4 * 6;
    // The second class in two parts, a quarter and three quarters of it; the classes in another order; scores far from 0.
    const from = [2, 1, 0, 1];
    const share = [0, Math.log(0.25), 0, Math.log(0.75)];
    const data = Float32Array.from({ length: 2 * 4 * plane }, (_, i) => {
      const [sample, channel, pixel] = [Math.floor(i / (4 * plane)), Math.floor(i / plane) % 4, i % plane];
      return three.data[(sample * classes + from[channel]) * plane + pixel] + share[channel] + 95;
    });
    const alike = { ...options, teacher: teacherOf(3, 4, 6) };
    const one = await losses(alike, { image, labels, 'teacher.frame.logits': three });
    const mapped = { ...options, teacher: { ...teacherOf(4, 4, 6), classMap: [[2], [1, 3], [0]] } };
    const feeds = { image, labels, 'teacher.frame.logits': tensor('float32', [2, 4, 4, 6], data) };
    expect(one.pixel).toBeGreaterThan(0.01);
    expect((await losses(mapped, feeds)).pixel / one.pixel).toBeCloseTo(1, 4);
  });

  it('is seen no finer than the crop has pixels', async () => {
    // With aligned corners, every second of 2n - 1 positions is one of n.
    const [rows, columns] = [2 * height - 1, 2 * width - 1];
    const fine = scores([2, classes, rows, columns]);
    const coarse = Float32Array.from({ length: 2 * classes * height * width }, (_, i) => {
      const [plane, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
      return fine.data[plane * rows * columns + 2 * y * columns + 2 * x];
    });
    const pixelOf = async (map: Tensor) => {
      const teacher = teacherOf(classes, map.shape[2], map.shape[3]);
      return (await losses({ ...options, teacher }, { image, labels, 'teacher.frame.logits': map })).pixel;
    };
    const other = await pixelOf(tensor('float32', [2, classes, height, width], coarse));
    expect((await pixelOf(fine)) / other).toBeCloseTo(1, 5);
  });
});
