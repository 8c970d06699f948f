// Mistakes in the losses.
import { changes } from './mutation.js';

const tests = 'test/losses';

export const losses = [
  ...changes('losses/crossEntropy', tests, [
    ['sub(logSumExp, ofTrueClass)', 'add(logSumExp, ofTrueClass)'],
    ['mul(x, weight)', 'x'],
  ]),
  ...changes('losses/ohem', tests, [['lessOrEqual(probability, threshold)', 'greater(probability, threshold)']]),
  ...changes('losses/ohem', 'test/losses/pidnet.test.ts', [
    ['options.minKept + 1', 'options.minKept'],
    ['less(probability, max(last', 'lessOrEqual(probability, max(last'],
    ['sumOverSamples(kept, undefined)', 'sumOverSamples(mul(weight, kept), undefined)'],
  ]),
  ...changes('losses/segmentation', 'test/losses/pidnet.test.ts', [
    ['1 / elementCount(labels.shape)', '2 / elementCount(labels.shape)'],
  ]),
  ...changes('losses/boundary', 'test/losses/pidnet.test.ts', [
    ['mul(inside, div(zeros, known))', 'mul(inside, div(ones, known))'],
    ['mul(large, inside)', 'mul(large, outside)'],
    ['certain = 0.8', 'certain = 0.5'],
  ]),
  ...changes('losses/motion', tests, [
    ['exp(neg(change))', 'exp(change)'],
    ['mul(seen, seen)', 'seen'],
    ["mean === 'elements' || !seen", "mean !== 'elements' || !seen"],
  ]),
  ...changes('losses/consensus', tests, [
    ['sub(logSumExp, reduceSum', 'add(logSumExp, reduceSum'],
    ['mul(crossEntropy, weight)', 'crossEntropy'],
    ['div(raised, max(reduceSum(raised, [1]), smallestWeight))', 'mul(raised, 1 / 255)'],
    ['reduceSum(raised, [1])', 'reduceSum(bytes, [1])'],
    ['mul(bytes, ofClasses(factors))', 'bytes'],
    ['mul(wanted, ofClasses(classWeights))', 'wanted'],
    ['mul(weight, reshape(', 'add(weight, reshape('],
  ]),
  ...changes('losses/pixelWise', tests, [['sub(ofTeacher, ofStudent)', 'sub(ofStudent, ofTeacher)']]),
  ...changes('losses/similarity', tests, [["convention === 'cosine' ? [q, p] : [p, q]", '[p, q]']]),
  ...changes('losses/threeFrames', tests, [['0.4', '0.5']]),
];
