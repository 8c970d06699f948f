// Mistakes in the losses.
import { changes } from './mutation.js';

const tests = 'test/losses';

export const losses = [
  ...changes('losses/crossEntropy', tests, [
    ['sub(logSumExp, ofTrueClass)', 'add(logSumExp, ofTrueClass)'],
    ['mul(x, weight)', 'x'],
  ]),
  ...changes('losses/ohem', tests, [['lessOrEqual(probability, threshold)', 'greater(probability, threshold)']]),
  ...changes('losses/motion', tests, [
    ['exp(neg(change))', 'exp(change)'],
    ['mul(seen, seen)', 'seen'],
    ["mean === 'elements' || !seen", "mean !== 'elements' || !seen"],
  ]),
  ...changes('losses/consensus', tests, [
    ['sub(logSumExp, reduceSum', 'add(logSumExp, reduceSum'],
    ['mul(crossEntropy, weight)', 'crossEntropy'],
    ['div(bytes, max(reduceSum(bytes, [1]), 1))', 'mul(bytes, 1 / 255)'],
    ['mul(wanted, weights)', 'wanted'],
  ]),
  ...changes('losses/pixelWise', tests, [['sub(ofTeacher, ofStudent)', 'sub(ofStudent, ofTeacher)']]),
  ...changes('losses/similarity', tests, [["convention === 'cosine' ? [q, p] : [p, q]", '[p, q]']]),
  ...changes('losses/threeFrames', tests, [['0.4', '0.5']]),
];
