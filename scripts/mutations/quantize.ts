// Mistakes in the arithmetic of quantisation: rounding, zero points, scales, ranges, placement, folding, the choice.
import { changes } from './mutation.js';

const affine = 'test/quantize/affine.test.ts';
const insert = 'test/quantize/insert.test.ts';
const ranges = 'test/quantize/ranges.test.ts';
const rounded = 'test/quantize/rounded.test.ts';
const whole = 'test/quantize/quantize.test.ts';

export const quantize = [
  ...changes('quantize/affine', affine, [
    ['floor % 2 === 0 ? floor : floor + 1', 'floor + 1'],
    ['(to - from) / 255', '(to - from) / 256'],
    ['Math.min(low, 0)', 'low'],
    ['(0 - from) / scale', '(0 - to) / scale'],
    ['roundToEven(Math.fround(x / scale)) + zeroPoint', 'roundToEven(Math.fround(x / scale))'],
    ['(q - zeroPoint) * scale', 'q * scale'],
    ['Math.min(255, Math.max(0, roundToEven', 'Math.min(256, Math.max(0, roundToEven'],
  ]),
  ...changes('quantize/weights', affine, [
    ['2 ** (bits - 1) - 1', '2 ** (bits - 1)'],
    ['Math.max(most / limit, least)', 'most / limit'],
    ['axis + 1', 'axis'],
    ['inputScale * scale', 'scale'],
    ['bias[c] / scale', 'bias[c] * scale'],
  ]),
  ...changes('quantize/histogram', ranges, [
    ['width *= 2', 'width *= 4'],
    ['zeros++', 'zeros += 2'],
    ['* before.width', '* width'],
    ['Math.floor(value * perBin) - first', 'Math.round(value * perBin) - first'],
  ]),
  ...changes('quantize/ranges', ranges, [
    ['beyond = 1e-4', 'beyond = 1e-2'],
    [', 0) + zeros', ', 0)'],
    ['first + to + 1', 'first + to - 40'],
    ['other < divergence', 'other > divergence'],
    ['whole[whole.length - 1] += counts[i]', 'whole[whole.length - 1] += 0'],
  ]),
  ...changes('quantize/scales', insert, [
    ['Math.max(known.high, high)', 'known.high'],
    ['share >= leastShare', 'share < leastShare'],
    ['&& !cut.has(key)', ''],
  ]),
  ...changes('quantize/placement', insert, [
    ['others.length > 0', 'others.length > 1'],
    ['!operator.weights && !readBy(operator.output)', 'false'],
    ["'Concat', 'AveragePool'", "'AveragePool'"],
  ]),
  ...changes('quantize/insert', insert, [
    ['scaleOf(operator.inputs[0])', 'scaleOf(operator.output)'],
    ['restored.get(value) ?? value', 'value'],
  ]),
  ...changes('quantize/rounded', rounded, [
    ['-zeroPoint * scale', '-255 * scale'],
    ['[whole, value]', '[value, whole]'],
    ["write('Round', [write('Div', [inside, step])])", "write('Div', [inside, step])"],
    ['2 ** (bits - 1) - 1', '2 ** bits - 1'],
    ['other === axis', 'other === axis + 1'],
    ['write(stopGradient, [apart])', "write('Identity', [apart])"],
  ]),
  ...changes('onnx/foldBatchNorm', insert, [
    ['variance[c] + epsilon', 'variance[c]'],
    ['- mean[c] * factor[c]', '+ mean[c] * factor[c]'],
    ['value * map.factor[c] + map.offset[c]', 'value + map.offset[c]'],
    ['Math.floor(inputChannel / perGroup) * shape[1] + within', 'within'],
    ['readers(input).length === 1', 'readers(input).length >= 1'],
  ]),
  ...changes('quantize/leaveOut', whole, [
    ['a.signalToNoise - b.signalToNoise', 'b.signalToNoise - a.signalToNoise'],
    ['found >= budget', 'found < budget'],
    ['high = count - 1', 'high = count - 2'],
  ]),
  ...changes('quantize/sample', whole, [
    ['(k + 0.5)', 'k'],
    ['!held.has(index)', 'held.has(index)'],
  ]),
  ...changes('quantize/trial', whole, [
    ['addConfusion(confusion, { ...label, data }', 'addConfusion(confusion, label'],
  ]),
  ...changes('quantize/steadiness', whole, [
    ['flicker: 1 - steady', 'flicker: steady'],
    ['sums.after = addCounts(sums.after, counts)', 'sums.after = addCounts(sums.after, referenceCounts)'],
  ]),
  ...changes('quantize/quantize', whole, [
    ['1 - mIoU(expectedLabels) + mIoU(found)', 'mIoU(expectedLabels) - mIoU(found)'],
    ['resultsOn(reference, compared)', 'resultsOn(before, compared)'],
  ]),
  ...changes('segment/preprocessing', whole, [['[blue, green, red] : [red', '[red, green, blue] : [red']]),
];
