// Spot checks of the tests: changes a sign, a bound or a constant in the compiled measures, losses and flow, one at a time, and
// expects a test to fail. `npm run mutations` builds, breaks `dist/` for moments, and leaves it as it was.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface Mutation {
  /** Below dist/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly tests: string;
}

const measures = 'test/metrics';
const losses = 'test/losses';
const inverseSearch = 'test/flow/inverseSearch.test.ts';

/** Each `from` occurs in its file as often as is replaced: everywhere. */
export const mutations: readonly Mutation[] = [
  {
    file: 'metrics/classCounts.js',
    from: 'target[at] + output[at] - both',
    to: 'target[at] + output[at] + both',
    tests: measures,
  },
  {
    file: 'metrics/classCounts.js',
    from: 'present.reduce((sum, value) => sum + value, 0)',
    to: 'present.reduce((sum, value) => sum - value, 0)',
    tests: measures,
  },
  {
    file: 'metrics/meanIoU.js',
    from: "convention === 'semseg' ? EPSILON : 0",
    to: "convention === 'semseg' ? 0 : EPSILON",
    tests: measures,
  },
  {
    file: 'metrics/temporalConsistency.js',
    from: "mode === 'vspw' ? target[at] > 0 : union[at] > 0",
    to: 'union[at] >= 0',
    tests: measures,
  },
  { file: 'metrics/warp.js', from: 'const gapU = u + backU', to: 'const gapU = u - backU', tests: measures },
  { file: 'metrics/warp.js', from: '+ 0.5;', to: '+ 5;', tests: measures },
  { file: 'metrics/videoConsistency.js', from: 'frame - window + 1', to: 'frame - window', tests: measures },
  {
    file: 'metrics/videoConsistency.js',
    from: 'predictions[i] !== id',
    to: 'predictions[i] === id',
    tests: measures,
  },
  {
    file: 'metrics/steadiness.js',
    from: 'either - target[at] + intersection[at]',
    to: 'either - target[at]',
    tests: measures,
  },
  {
    file: 'metrics/steadiness.js',
    from: 'value * (after[at] / pixels)',
    to: 'value * (before[at] / pixels)',
    tests: measures,
  },
  { file: 'metrics/steadiness.js', from: 'chance === 1 ? 0 :', to: 'chance === 1 ? 1 :', tests: measures },
  { file: 'metrics/steadiness.js', from: '(1 - chance)', to: '(1 + chance)', tests: measures },
  {
    file: 'metrics/steadiness.js',
    from: '(value - steady[at]) / value',
    to: '(value - steady[at]) / pixels',
    tests: measures,
  },
  {
    file: 'metrics/steadiness.js',
    from: 'before.map((value) => value / pixels)',
    to: 'after.map((value) => value / pixels)',
    tests: measures,
  },
  { file: 'metrics/steadiness.js', from: 'Math.abs(share - b[at])', to: '(share - b[at])', tests: measures },
  { file: 'metrics/agreement.js', from: 'confidence[i] >= lowest', to: 'confidence[i] > lowest', tests: measures },
  { file: 'metrics/agreement.js', from: 'pixels / sure[at]', to: 'pixels / total(sure)', tests: measures },
  {
    file: 'losses/crossEntropy.js',
    from: 'sub(logSumExp, ofTrueClass)',
    to: 'add(logSumExp, ofTrueClass)',
    tests: losses,
  },
  { file: 'losses/crossEntropy.js', from: 'mul(x, weight)', to: 'x', tests: losses },
  {
    file: 'losses/ohem.js',
    from: 'lessOrEqual(probability, threshold)',
    to: 'greater(probability, threshold)',
    tests: losses,
  },
  { file: 'losses/motion.js', from: 'exp(neg(change))', to: 'exp(change)', tests: losses },
  { file: 'losses/motion.js', from: 'mul(seen, seen)', to: 'seen', tests: losses },
  { file: 'losses/pixelWise.js', from: 'sub(ofTeacher, ofStudent)', to: 'sub(ofStudent, ofTeacher)', tests: losses },
  { file: 'losses/similarity.js', from: "convention === 'cosine' ? [q, p] : [p, q]", to: '[p, q]', tests: losses },
  { file: 'losses/threeFrames.js', from: '0.4', to: '0.5', tests: losses },
  { file: 'flow/dis/pyramid.js', from: '+ 2) >> 2', to: '+ 1) >> 2', tests: inverseSearch },
  {
    file: 'flow/dis/pyramid.js',
    from: 'return index < count ? index : 2 * count - 2 - index',
    to: 'return index < count ? index : 2 * count - 1 - index',
    tests: inverseSearch,
  },
  {
    file: 'flow/dis/patchSearch.js',
    from: 'yy * slopeX - xy * slopeY',
    to: 'yy * slopeX + xy * slopeY',
    tests: inverseSearch,
  },
  { file: 'flow/dis/patchSearch.js', from: '(sum * sumX) / PATCH_PIXELS', to: '0', tests: inverseSearch },
  {
    file: 'flow/dis/patchSearch.js',
    from: 'row < bottom - 1 ? patch + columns',
    to: 'row < rows - 1 ? patch + columns',
    tests: inverseSearch,
  },
  { file: 'flow/dis/densify.js', from: '1 / Math.max(1, ', to: '1 / Math.max(2, ', tests: inverseSearch },
  { file: 'flow/dis/densify.js', from: 'row === rows - 1 ? height', to: 'row === rows ? height', tests: inverseSearch },
  { file: 'flow/dis/constraints.js', from: '(from[at] + moved) / 2', to: 'moved', tests: inverseSearch },
  { file: 'flow/dis/refine.js', from: 'link * (right + below)', to: '2 * link', tests: inverseSearch },
  {
    file: 'flow/dis/refine.js',
    from: 'linkAbove * (u[at] - u[at - above * width])',
    to: 'linkAbove * (u[at - above * width] - u[at])',
    tests: inverseSearch,
  },
  { file: 'flow/dis/refine.js', from: '(y + half) % 2', to: '(y + half + 1) % 2', tests: inverseSearch },
  { file: 'flow/chain.js', from: 'atX <= width - 1', to: 'atX <= width', tests: 'test/flow/chain.test.ts' },
  {
    file: 'flow/chain.js',
    from: 'alongY > 0 ? a + 2 * width',
    to: 'alongY > 0 ? a + width',
    tests: 'test/flow/chain.test.ts',
  },
  {
    file: 'flow/dis/denseInverseSearch.js',
    from: 'Math.max(0, small - 2)',
    to: 'Math.max(0, small - 1)',
    tests: inverseSearch,
  },
];

const root = resolve(import.meta.dirname, '..', '..');
let survivors = 0;
for (const { file, from, to, tests } of mutations) {
  const path = join(root, 'dist', file);
  const original = readFileSync(path, 'utf8');
  if (!original.includes(from)) throw new Error(`dist/${file}: expected "${from}" to change, found nothing like it`);
  let failed: boolean;
  try {
    writeFileSync(path, original.replaceAll(from, to));
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    failed = spawnSync(process.execPath, [vitest, 'run', '--bail', '1', tests], { cwd: root }).status !== 0;
  } finally {
    writeFileSync(path, original);
  }
  if (!failed) survivors++;
  console.log(`${failed ? 'seen    ' : 'SURVIVED'}  ${file}: ${from}  →  ${to}`);
}
console.log(`${mutations.length - survivors} of ${mutations.length} changes were seen by a test`);
process.exitCode = survivors === 0 ? 0 : 1;
