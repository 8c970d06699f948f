// Trains with a loss of one's own: node train.mjs TOYCITY OUT [STEPS]. Its gradient is derived from the graph it builds.
import { train } from 'steadyseg';
import { ops } from 'steadyseg/onnx';
import { parseConfig, readMetrics, runFiles } from 'steadyseg/train';

const [root, out, steps = '20'] = process.argv.slice(2);

/**
 * Neighbouring positions of the scores should differ little: `mean |s(y, x + 1) - s(y, x)|` over classes and positions.
 * `site.logits('frame')` is a value of the graph, N×classes×h×w; the result is one number.
 */
const smoothness = {
  name: 'smoothness',
  weight: 0.1,
  build(site) {
    const scores = site.logits('frame');
    const [, , , width] = scores.shape;
    const left = ops.slice(scores, [3], [0], [width - 1]);
    const right = ops.slice(scores, [3], [1], [width]);
    return ops.reduceMean(ops.abs(ops.sub(right, left)), undefined, false);
  },
};

const config = parseConfig(
  {
    network: { architecture: 'pspnet18', widthMultiplier: 0.125 },
    data: { layout: 'toycity', root },
    crop: [64, 64],
    batch: 2,
    steps: Number(steps),
    losses: { motion: 0 },
    optimizer: { rate: 0.05 },
  },
  'train.mjs',
);
await train({ config, out, losses: [smoothness] });
const records = (await readMetrics(runFiles(out).metrics)).filter((record) => 'losses' in record);
for (const { step, losses } of [records[0], records.at(-1)]) {
  console.log(
    `step ${step}: smoothness ${losses.smoothness.toFixed(4)}, segmentation ${losses.segmentation.toFixed(4)}`,
  );
}
