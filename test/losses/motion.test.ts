// The options of the motion loss against the formula written out, along a flow of whole pixels, with gradients by differences.
import { expect, it } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { type MotionOptions, motionLoss } from '#src/losses/motion.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { type Tensor, tensor } from '#src/tensor/tensor.js';

const [classes, height, width] = [4, 5, 7];
const pixels = height * width;
/** Everything moves one pixel to the right and none down. */
const [moveX, moveY] = [1, 0];
const maps = { logits: classes, neighbourLogits: classes, image: 3, neighbour: 3 };

const feeds: Record<string, Tensor<'float32'>> = {
  ...Object.fromEntries(
    Object.entries(maps).map(([name, channels]) => [name, symmetricByName(name, [1, channels, height, width], 1)]),
  ),
  flow: tensor(
    'float32',
    [1, 2, height, width],
    Float32Array.from({ length: 2 * pixels }, (_, i) => (i < pixels ? moveX : moveY)),
  ),
  valid: tensor(
    'float32',
    [1, 1, height, width],
    Float32Array.from({ length: pixels }, (_, i) => (i % 3 === 0 ? 0 : 1)),
  ),
};

const options: MotionOptions[] = (['logits', 'probabilities'] as const).flatMap((compare) =>
  (['absolute-of-sum', 'sum-of-absolutes', 'occlusion'] as const).flatMap((visibility) =>
    (['elements', 'visible'] as const).map((mean) => ({ compare, visibility, mean })),
  ),
);

it.each(options)(
  'is the formula’s for $compare, $visibility and the mean over $mean, with and without a mask',
  async (chosen) => {
    for (const masked of [true, false]) {
      const graph = createGraph('motion');
      const map = (name: string, channels: number) => input(graph, name, 'float32', [1, channels, height, width]);
      const values = {
        logits: map('logits', classes),
        neighbourLogits: map('neighbourLogits', classes),
        image: map('image', 3),
        neighbour: map('neighbour', 3),
        flow: map('flow', 2),
      };
      const loss = motionLoss({ ...values, valid: masked ? map('valid', 1) : undefined }, chosen);
      const [own, other] = gradients(graph, loss, [values.logits, values.neighbourLogits]);
      const session = await createSession(writeModel(exportModel(graph, { loss, own, other })), {
        optimization: 'disabled',
      });
      const found = await session.run(Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]])));
      const planes = Object.fromEntries(
        Object.entries(feeds).map(([name, { data }]) => [name, Float64Array.from(data)]),
      );
      expect(Number(found.loss.data[0])).toBeCloseTo(formula(planes, chosen, masked), 6);
      for (const [name, gradient] of [
        ['logits', found.own],
        ['neighbourLogits', found.other],
      ] as const) {
        const step = 1e-4;
        for (let i = 0; i < classes * pixels; i += 11) {
          const moved = (by: number) => {
            const changed = Float64Array.from(planes[name]);
            changed[i] += by;
            return formula({ ...planes, [name]: changed }, chosen, masked);
          };
          expect(Number(gradient.data[i])).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 6);
        }
      }
    }
  },
);

/** The loss in plain numbers. */
function formula(
  planes: Record<string, Float64Array>,
  { compare, visibility, mean }: MotionOptions,
  masked: boolean,
): number {
  const scores = (logits: Float64Array, pixel: number) => {
    const own = Array.from({ length: classes }, (_, c) => logits[c * pixels + pixel]);
    if (compare === 'logits') return own;
    const exponentials = own.map(Math.exp);
    const sum = exponentials.reduce((a, b) => a + b);
    return exponentials.map((value) => value / sum);
  };
  let [total, visible] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      // Beyond the picture, the border goes on.
      const there = Math.min(height - 1, y + moveY) * width + Math.min(width - 1, x + moveX);
      const colours = [0, 1, 2].map((c) => planes.image[c * pixels + pixel] - planes.neighbour[c * pixels + there]);
      const change = {
        'absolute-of-sum': Math.abs(colours[0] + colours[1] + colours[2]),
        'sum-of-absolutes': colours.reduce((sum, value) => sum + Math.abs(value), 0),
        occlusion: 0,
      }[visibility ?? 'absolute-of-sum'];
      const seen = Math.exp(-change) * (masked ? planes.valid[pixel] : 1);
      visible += seen * seen;
      const other = scores(planes.neighbourLogits, there);
      for (const [c, value] of scores(planes.logits, pixel).entries()) total += (seen * (value - other[c])) ** 2;
    }
  }
  // Nothing fades or hides a pixel: the mean is the usual one.
  const unseen = visibility === 'occlusion' && !masked;
  return mean === 'visible' && !unseen ? total / Math.max(1, visible) : total / (classes * pixels);
}
