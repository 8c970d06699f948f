// Mistakes in the measures.
import { changes } from './mutation.js';

const tests = 'test/metrics';

export const measures = [
  ...changes('metrics/classCounts', tests, [
    ['target[at] + output[at] - both', 'target[at] + output[at] + both'],
    ['present.reduce((sum, value) => sum + value, 0)', 'present.reduce((sum, value) => sum - value, 0)'],
  ]),
  ...changes('metrics/meanIoU', tests, [
    ["convention === 'semseg' ? EPSILON : 0", "convention === 'semseg' ? 0 : EPSILON"],
  ]),
  ...changes('metrics/confusion', tests, [
    ['jointHistogram(label, prediction)', 'jointHistogram(prediction, label)'],
    ['Math.min(id, classes)', 'Math.min(id, classes - 1)'],
    ['0) - intersection[id]', '0) + intersection[id]'],
  ]),
  ...changes('metrics/temporalConsistency', tests, [
    ["mode === 'vspw' ? target[at] > 0 : union[at] > 0", 'union[at] >= 0'],
  ]),
  ...changes('metrics/warp', tests, [
    ['const gapU = u + backU', 'const gapU = u - backU'],
    ['+ 0.5;', '+ 5;'],
  ]),
  ...changes('metrics/videoConsistency', tests, [
    ['frame - window + 1', 'frame - window'],
    ['predictions[i] !== id', 'predictions[i] === id'],
  ]),
  ...changes('metrics/steadiness', tests, [
    ['either - target[at] + intersection[at]', 'either - target[at]'],
    ['value * (after[at] / pixels)', 'value * (before[at] / pixels)'],
    ['chance === 1 ? 0 :', 'chance === 1 ? 1 :'],
    ['(1 - chance)', '(1 + chance)'],
    ['(value - steady[at]) / value', '(value - steady[at]) / pixels'],
    ['before.map((value) => value / pixels)', 'after.map((value) => value / pixels)'],
    ['Math.abs(share - b[at])', '(share - b[at])'],
  ]),
  ...changes('metrics/agreement', tests, [
    ['confidence[i] >= lowest', 'confidence[i] > lowest'],
    ['pixels / sure[at]', 'pixels / total(sure)'],
  ]),
];
