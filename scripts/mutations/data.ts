// Mistakes in the training data: augmentation, resampling, order, neighbours, label ids, evaluation of folders.
import { changes } from './mutation.js';

const augmentation = 'test/data/augmentation.test.ts';
const loader = 'test/data/loader.test.ts';
const batch = 'test/data/batch.test.ts';
const datasets = 'test/data/datasets.test.ts';
const evaluation = 'test/data/evaluation.test.ts';

export const data = [
  ...changes('data/augmentation', augmentation, [
    ['xy: scaleX * sine', 'xy: -scaleX * sine'],
    ['yx: -scaleY * sine * sign', 'yx: scaleY * sine * sign'],
    ['yx: -scaleY * sine * sign', 'yx: -scaleY * sine'],
    ['xx: scaleX * cosine * sign', 'xx: scaleX * cosine'],
    ['cosine * px + sine * py', 'cosine * px - sine * py'],
    ['-sine * px + cosine * py', 'sine * px + cosine * py'],
    ['left + 0.5 - scaled.width / 2', 'left - scaled.width / 2'],
    ['source.height / 2 - 0.5', 'source.height / 2'],
    ['source.width / scaled.width', 'scaled.width / source.width'],
    ['(degrees * Math.PI) / 180', '(degrees * Math.PI) / 360'],
    ['2 * random.uniform() - 1', 'random.uniform()'],
    ['(scale[1] - scale[0]) * random.uniform()', 'scale[1] * random.uniform()'],
    ['random.uniform() < rotationProbability', 'random.uniform() >= rotationProbability'],
    ['random.uniform() < blurProbability', 'random.uniform() >= blurProbability'],
    ['random.uniform() < flipProbability', 'random.uniform() >= flipProbability'],
    ['u * (whole - part + 1)', 'u * (whole - part)'],
    ['-Math.floor((part - whole) / 2)', '0'],
    ['scaled.width - left', 'scaled.width'],
    ['1 - colorJitter', '1'],
  ]),
  ...changes('data/colorChange', 'test/data/colorChange.test.ts', [
    ['(1 - saturation) * gain', '(1 - saturation)'],
    ['saturation * gain', 'saturation * brightness'],
    ['(1 - contrast) * middle', '(1 - contrast) * brightness * middle'],
    ['luma[1] * data[i + 1]', 'luma[1] * data[i + 2]'],
  ]),
  ...changes('data/boundaryTarget', 'test/data/boundaryTarget.test.ts', [
    ['own >= magnitude(x + 1, y)', 'own > magnitude(x + 1, y)'],
    ['own >= magnitude(x, y + 1)', 'own > magnitude(x, y + 1)'],
    ['border = 6', 'border = 5'],
    ['Math.min(width - 1, x + 2)', 'Math.min(width - 1, x + 1)'],
    ['Math.min(height - 1, y + 2)', 'Math.min(height - 1, y + 1)'],
  ]),
  ...changes('data/resample', augmentation, [
    ['1.1 * 1.1', '1.1'],
    ['sampling.x0 - 2 *', 'sampling.x0 - 1 *'],
    ['out.fill(imageNetMean[channel]', 'out.fill(imageNetMean[0]'],
    ['Math.floor(xx * x + rowX)', 'Math.floor(xx * x + rowX - 0.5)'],
    ['id < classes', 'id <= classes'],
    ['outside = ignoreLabel', 'outside = 0'],
    [
      'yy / determinant, -xy / determinant, -yx / determinant, xx / determinant',
      'xx / determinant, xy / determinant, yx / determinant, yy / determinant',
    ],
    ['yy / determinant, -xy / determinant', 'yy / determinant, xy / determinant'],
    ['uu * u + uv * v', 'uu * u'],
    ['hidden.data[nearest] !== 0', 'hidden.data[nearest] === 0'],
    ['const cropX = x + turnedU', 'const cropX = x'],
    ['toX < width - 0.5', 'toX < width + 0.5'],
    ['const bottomRight = fx * fy', 'const bottomRight = fx'],
  ]),
  ...changes('data/chainFlow', augmentation, [
    ['known ? u + addedU', 'known ? addedU'],
    ['known ? v + addedV', 'known ? v - addedV'],
    ['const toX = x + u', 'const toX = x'],
    ['hidden.data[pixel] = 255', 'hidden.data[pixel] = 0'],
  ]),
  ...changes('data/batch', batch, [
    ['draw.blur, crop, arrays.images', 'false, crop, arrays.images'],
    ['arrays.offsets[n] = neighbour.offset', 'arrays.offsets[n] = -neighbour.offset'],
    ['.fill(255)', '.fill(0)'],
    ['arrays.images, n * 3 * pixels)', 'arrays.images, 0)'],
    ['crop, labels, n * pixels', 'crop, labels, 0'],
    ['arrays.flow, n * 2 * pixels', 'arrays.flow, n * pixels'],
    ['sampling, draw.blur, crop, images', 'sampling, !draw.blur, crop, images'],
  ]),
  ...changes('data/neighbour', datasets, [
    ['const distance = 1 + random.integer(gap)', 'const distance = random.integer(gap)'],
    ['random.uniform() < 0.5 ? -1 : 1', '1'],
    ['[sign * k, -sign * k]', '[sign * k]'],
    ['before ? -k : k', 'before ? k : -k'],
    ['let k = 1 + random.integer(gap)', 'let k = gap'],
  ]),
  ...changes('data/loader', loader, [
    ["deriveSeed(seed, 'order', epoch)", "deriveSeed(seed, 'order')"],
    ["deriveSeed(seed, 'augment', epoch, index, repetition)", "deriveSeed(seed, 'augment', index, repetition)"],
    ["deriveSeed(seed, 'augment', epoch, index, repetition)", "deriveSeed(seed, 'augment', epoch, repetition)"],
    ["deriveSeed(seed, 'augment', epoch, index, repetition)", "deriveSeed(seed, 'augment', epoch, index)"],
    ["deriveSeed(seed, 'neighbour', epoch, index, repetition)", "deriveSeed(seed, 'neighbour', index, repetition)"],
    ['random.integer(last + 1)', 'random.integer(last)'],
    ['next.step + 1 < stepsPerEpoch', 'next.step < stepsPerEpoch'],
    ['const first = step * size', 'const first = step'],
    ['from.step % stepsPerEpoch', '0'],
    ['batch * perBatch + n', 'batch + n'],
    ['dataset.count + orderOf(epoch)[place % count]', 'orderOf(epoch)[place % count]'],
    ["deriveSeed(seed, 'order of extra', pass)", "deriveSeed(seed, 'order of extra')"],
    ['Math.ceil(dataset.count / own)', 'Math.floor(dataset.count / own)'],
  ]),
  ...changes('data/selection', datasets, [
    ['dataset.sample(first + index)', 'dataset.sample(index)'],
    ['index < first || index >= end', 'index < first || index > end'],
    ['count: end - first', 'count: end - first - 1'],
  ]),
  ...changes('data/sequences', datasets, [
    ['position + k : position - k - 1', 'position + k : position - k'],
    ["offset > 0 ? 'forward' : 'backward'", "offset < 0 ? 'forward' : 'backward'"],
    ['clip[position + offset]', 'clip[position - offset]'],
  ]),
  ...changes('data/datasets', datasets, [
    ['maxStep: 2', 'maxStep: 1'],
    ['listedStep = 2', 'listedStep = 1'],
    ['index + k : index - k - 1', 'index + k : index - k'],
  ]),
  ...changes('data/toycity', loader, [
    ['from: t, to: t + offset', 'from: t + offset, to: t'],
    ['frame: reference(t)', 'frame: reference(0)'],
    ['Math.floor(index / frames)]', 'index % clips]'],
  ]),
  ...changes('data/labelFiles', evaluation, [
    ['id === 255 ? 255 : id - 1', 'id === 255 ? 255 : id'],
    ['id === 0 ? ignoreLabel', 'id === 0 ? 0'],
    ['highest < classes', 'highest <= classes'],
  ]),
  ...changes('data/evaluation/meanIoU', evaluation, [['counts = addCounts(counts, found)', 'counts = found']]),
  ...changes('data/evaluation/temporal', evaluation, [
    ['counts = addCounts(counts, pair.counts)', 'counts = pair.counts'],
    ['labels.tcCounts = addCounts(labels.tcCounts, referenceCounts)', 'labels.tcCounts = referenceCounts'],
  ]),
  ...changes('data/evaluation/alongFlow', evaluation, [
    ['last.index + 1 === state.index', 'last.index < state.index'],
    ['pairOf(first.prediction, second.prediction)', 'pairOf(second.prediction, first.prediction)'],
  ]),
];
