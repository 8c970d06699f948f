// Mistakes in what ranks that share a batch do: samples, statistics, divisors, the cut of the step, their common state.
import { changes } from './mutation.js';

const test = 'test/train/ranks.test.ts';

export const ranks = [
  ...changes('base/launcher', 'test/base/shard.test.ts', [
    ["rank: 'PMI_RANK', size: 'PMI_SIZE'", "rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS'"],
  ]),
  ...changes('onnx/ranks', test, [
    ['mul(sumOverRanks(value), 1 / value.graph.ranks)', 'sumOverRanks(value)'],
    ['[sumOverRanks(gradient)]', '[gradient]'],
    ['sumOverRanks(mul(own, value))', 'sumOverRanks(value)'],
  ]),
  ...changes('onnx/batchStatistics', test, [
    ['add(variances, mul(apart, apart))', 'variances'],
    ['add(variances, mul(apart, apart))', 'add(variances, apart)'],
    ['1 / ranks', '1'],
    ['sub(all.mean, shift)', 'offset'],
    ['(ranks * elementCount(x.shape))', '(elementCount(x.shape))'],
    ['alone ? 1 : x.graph.ranks', 'x.graph.ranks'],
  ]),
  ...changes('onnx/cut', test, [['before + (node.op === rankSum ? 1 : 0)', 'before']]),
  ...changes('onnx/cut', 'test/onnx/cut.test.ts', [
    ['way.kept < best.kept', 'way.kept > best.kept'],
    ['one * 4 > size).length <= 1', 'one * 4 > size).length <= 2'],
    ['!isRepeatable(producer)', 'true'],
    ['use === k && value.producer', 'use === k + 1 && value.producer'],
  ]),
  ...changes('runtime/deviceSession', 'test/runtime/deviceSession.test.ts', [
    ['pool.give(own[0])', 'undefined'],
    ['!stays.has(name) || !isFixed(shape)', 'true'],
  ]),
  ...changes('losses/crossEntropy', test, [
    ['meanOverRanks(sumOverSamples(weight, undefined))', 'sumOverSamples(weight, undefined)'],
  ]),
  ...changes('losses/ohem', test, [
    ['topK(reshape(gatherOverRanks(own), [ranks * own.shape[0]]), count, 0, false).values', 'own'],
    ['meanOverRanks(sumOverSamples(kept, undefined))', 'sumOverSamples(kept, undefined)'],
  ]),
  ...changes('losses/motion', test, [
    ['meanOverRanks(sumOverSamples(mul(seen, seen), weights))', 'sumOverSamples(mul(seen, seen), weights)'],
  ]),
  ...changes('losses/consensus', test, [['meanOverRanks(total.reduce(add))', 'total.reduce(add)']]),
  ...changes('losses/boundary', test, [
    ['meanOverRanks(sumOverSamples(pixels, undefined))', 'sumOverSamples(pixels, undefined)'],
  ]),
  ...changes('losses/sampleWeights', test, [
    ['meanOverRanks(reduceSum(counts, undefined, false))', 'reduceSum(counts, undefined, false)'],
  ]),
  ...changes('train/step', test, [
    ["weightsOverRanks(once('sampleWeights', [withNeighbours]))", "once('sampleWeights', [withNeighbours])"],
  ]),
  ...changes('data/loader', test, [
    ['inShard(place, shard)', 'inShard(place + 1, shard)'],
    ['ranks * extra.perBatch', 'extra.perBatch'],
  ]),
  ...changes('train/feeds', test, [
    ['i < shard.count * mask.length', 'i < mask.length'],
    ['Math.floor(sample / shard.count) * row', 'sample * row'],
  ]),
  ...changes('collective/halves', 'test/collective/halves.test.ts', [
    ['largestSum / bound', '4 * largestSum / bound'],
    ['array[i] * scales[k]', 'array[i]'],
    ['sum[i] /= scales[k]', 'sum[i] *= scales[k]'],
    ['let rank = 1; rank < collective.size', 'let rank = 2; rank < collective.size'],
    ['rank * part + i', '(rank - 1) * part + i'],
  ]),
  ...changes('train/trainer', 'test/train/trainer.test.ts', [
    ['asked.includes(String(k))', 'asked[0] === String(k)'],
    ['own ? String(ways.indexOf(own))', "own ? '1'"],
  ]),
  ...changes('train/acrossRanks', test, [
    ['part[i] /= collective.size', 'part[i] /= 1'],
    ['data.set(runningSums[k])', 'data.fill(0)'],
    ['state.step = counters.step', 'state.step += 0'],
    ['digest !== digests[0]', 'digest === digests[0]'],
  ]),
];
