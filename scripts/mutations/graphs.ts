// Mistakes in what becomes of ONNX graphs: folding, older operator sets, storage, resampling, shapes.
import { changes } from './mutation.js';

const fold = 'test/onnx/fold.test.ts';
const upgrade = 'test/onnx/upgrade.test.ts';
const winograd = 'test/onnx/winograd.test.ts';
const statistics = 'test/onnx/batchStatistics.test.ts';
const inference = 'test/onnx/inference.test.ts';
const storage = 'test/onnx/storage.test.ts';
const resample = 'test/onnx/resample.test.ts';
const copies = 'test/onnx/copies.test.ts';
const vanishing = 'test/onnx/vanishing.test.ts';

export const graphs = [
  ...changes('onnx/vanishing', vanishing, [
    ['2 ** -100', '2 ** -126'],
    ['2 ** -100', '2 ** -99'],
    ['Math.abs(value) < smallestWeight', 'Math.abs(value) <= smallestWeight'],
    ['Math.abs(value) < smallestWeight', 'value < smallestWeight'],
    ["['BatchNormalization', [1, 2]]", "['BatchNormalization', [1, 2, 3]]"],
    ["['PRelu', [1]]", "['PRelu', []]"],
    ['!weights.includes(index)', 'false'],
    ["domain === ''", 'true'],
    ["kind === 'opaque'", 'false'],
    ['of graph.outputs', 'of []'],
  ]),
  ...changes('segment/model', vanishing, [
    ['model === found.model ? content : writeModel(model)', 'content'],
    ['model === found.model ? content : writeModel(model)', 'writeModel(model)'],
    ['cutOf(model, description)', 'cutOf(found.model, description)'],
  ]),
  ...changes('segment/finalResize', 'test/segment/finalResize.test.ts', [
    ['1 << 27', '1 << 26'],
    ['<= MAX_COPIED_BYTES', '< MAX_COPIED_BYTES'],
  ]),
  ...changes('quantize/floatNetwork', vanishing, [
    ['withoutVanishedWeights(foldBatchNorm(plain))', 'foldBatchNorm(plain)'],
  ]),
  ...changes('onnx/copies', copies, [
    ['count < smallestCopy || ', ''],
    ['tensor.shape.length < 2 || ', ''],
    [' || isFilled(tensor)', ''],
    ['i < a.length', 'i < a.length - 1'],
  ]),
  ...changes('train/onnxStudent', copies, [['own.set(name, { ...original, shape })', 'void 0']]),
  ...changes('onnx/fold', fold, [
    ['shape.slice(start).slice', 'shape.slice(Math.max(0, start)).slice'],
    ['Sub: (a, b) => a - b', 'Sub: (a, b) => b - a'],
    ['Div: (a, b) => a / b', 'Div: (a, b) => b / a'],
    ["to.includes('int') ? Math.trunc(x) : x", "to.includes('int') ? Math.round(x) : x"],
    ['position < 0 ? position + size : position', 'Math.max(0, position)'],
    ['start[0] + i * step[0]', 'start[0] + i'],
    ['ranges[axis].start + i * ranges[axis].step', 'ranges[axis].start + i'],
    ['condition ? yes : no', 'condition ? no : yes'],
    ['size === 1 ? 0 : index[lead + axis]', 'index[lead + axis]'],
    ['Ceil: Math.ceil', 'Ceil: Math.floor'],
    ['return truth(x !== 0)', 'return x'],
    ['permutation.indexOf(axis)', 'permutation[axis]'],
    ['index[axis] + from', 'index[axis]'],
    ['a - b * Math.floor(a / b)', 'a % b'],
    ['2 * Math.round(x / 2)', 'Math.round(x)'],
  ]),
  ...changes('onnx/halfPrecision', 'test/onnx/halfPrecision.test.ts', [
    ['>= 2 ** -14', '>= 0'],
    ['< 65520', '< Infinity'],
    ['floats.every(', 'floats.some('],
    ["op === 'BatchNormalization'", 'false'],
  ]),
  ...changes('onnx/portable', 'test/onnx/portable.test.ts', [
    ['(_, tap) => taps - tap', '(_, tap) => tap + 1'],
    ['plane * height * width', 'plane * height'],
    ['Math.max(0, end - size - pads[axis])', '0'],
    ['strides[0] - pads[0]', 'strides[0]'],
    ['(tap % kernel[1]) * dilations[1]', 'tap % kernel[1]'],
    ['belowAll = -3e38', 'belowAll = 0'],
  ]),
  ...changes('onnx/upgrade', upgrade, [
    ["Pad: [11, ['pads', 'value']]", "Pad: [11, ['value', 'pads']]"],
    ["Clip: [11, ['min', 'max']]", "Clip: [11, ['max', 'min']]"],
    ["Slice: [10, ['starts', 'ends', 'axes']]", "Slice: [10, ['ends', 'starts', 'axes']]"],
    ["string('asymmetric')", "string('half_pixel')"],
    ["nearest_mode: string('floor')", "nearest_mode: string('ceil')"],
  ]),
  ...changes('onnx/lowering/softmax', upgrade, [
    ['site.opset >= 13', 'site.opset >= 12'],
    ["intAttribute(site, 'axis', 1)", "intAttribute(site, 'axis', -1)"],
  ]),
  ...changes('onnx/batchStatistics', statistics, [
    ['mul(offset, offset)', 'offset'],
    ['add(shift, offset)', 'shift'],
    ['x.shape[1] / elementCount(x.shape)', '1 / elementCount(x.shape)'],
    ['sub(mul(squares, 1 / count)', 'sub(mul(squares, 1 / (count - 1))'],
    ['elementCount(x.shape) / x.shape[1]', 'elementCount(x.shape)'],
    ['all.variance, epsilon', 'all.variance'],
  ]),
  ...changes('onnx/resample', resample, [["coordinates = 'align_corners'", "coordinates = 'half_pixel'"]]),
  ...changes('tensor/interpolation', resample, [
    ['index * (inputs - 1)) / (outputs - 1)', 'index * inputs) / outputs'],
    ['float(index + 0.5) / scale) - 0.5', 'float(index + 0.5) / scale) - 0'],
    ['return float(index / scale)', 'return float(index * scale)'],
    ['[low, float(low + 1 - clamped)]', '[low, float(clamped - low)]'],
    ['beyond > middle ? low + 1', 'beyond >= 0 ? low + 1'],
    ['beyond < -middle ? low', 'beyond <= 0 ? low'],
    ['Math.ceil(((row + 1) * inputs) / outputs)', 'Math.floor(((row + 1) * inputs) / outputs)'],
    ['1 / (end - start)', '1 / inputs'],
  ]),
  ...changes('onnx/winograd', winograd, [
    ['point - other', 'point + other'],
    ['power === tileOutputs - 1 ? 1 : 0', '0'],
    ['(coefficients[power - 1] ?? 0) - root', '(coefficients[power - 1] ?? 0) + root'],
    ['[steps + 1]', '[steps]'],
    ['[0, 0, 1]', '[0, 1, 0]'],
    ['tileOutputs * dilation', 'tileOutputs'],
    ['group !== 1', 'group === 0'],
  ]),
  ...changes('onnx/byteStorage', storage, [
    ['LARGEST = 127', 'LARGEST = 64'],
    ['Math.round(weight / scale[channel])', 'Math.floor(weight / scale[channel])'],
    ['Math.max(most, Math.abs(weight))', 'Math.max(most, weight)'],
    ['channel * size, (channel + 1) * size', '0, size'],
    ['factors[Math.floor(index / size)]', 'factors[0]'],
  ]),
  ...changes('onnx/halfStorage', storage, [
    ['<= 65504', '<= 1e9'],
    ['shape.length < 2', 'shape.length < 1'],
  ]),
  ...changes('onnx/inference/convolution', 'test/autodiff/rules.test.ts', [
    ["autoPad === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small]", '[...small, ...large]'],
    ['padding - small[axis]', 'padding'],
  ]),
  ...changes('onnx/inference/convolution', inference, [
    ['ceil ? Math.ceil(steps) : Math.floor(steps)', 'Math.floor(steps)'],
    ['(outputs - 1) * window.strides[axis] >= size + window.pads[axis]', 'false'],
    ['window.dilations[axis] * (window.kernel[axis] - 1) + 1', 'window.kernel[axis]'],
    ['extra[axis] +', ''],
    ['(kernel[axis] - 1) * dilations[axis]', 'kernel[axis] - 1'],
    ['outputs % group !== 0', 'false'],
  ]),
  ...changes('onnx/inference/reduction', inference, [
    ['axes.includes(axis) ? 1 : size', 'axes.includes(axis) ? size : 1'],
    ['i === axis ? k : size', 'size'],
  ]),
];
