// Mistakes in optical flow.
import { changes } from './mutation.js';

const tests = 'test/flow/inverseSearch.test.ts';

export const flow = [
  ...changes('flow/contents', 'test/flow/contents.test.ts', [
    ['recursive: true', 'recursive: false'],
    ['relative(method, path)', "''"],
  ]),
  ...changes('flow/dis/pyramid', tests, [
    ['+ 2) >> 2', '+ 1) >> 2'],
    ['return index < count ? index : 2 * count - 2 - index', 'return index < count ? index : 2 * count - 1 - index'],
  ]),
  ...changes('flow/dis/patchSearch', tests, [
    ['yy * slopeX - xy * slopeY', 'yy * slopeX + xy * slopeY'],
    ['(sum * sumX) / PATCH_PIXELS', '0'],
    ['row < bottom - 1 ? patch + columns', 'row < rows - 1 ? patch + columns'],
  ]),
  ...changes('flow/dis/densify', tests, [
    ['1 / Math.max(1, ', '1 / Math.max(2, '],
    ['row === rows - 1 ? height', 'row === rows ? height'],
  ]),
  ...changes('flow/dis/constraints', tests, [['(from[at] + moved) / 2', 'moved']]),
  ...changes('flow/dis/refine', tests, [
    ['link * (right + below)', '2 * link'],
    ['linkAbove * (u[at] - u[at - above * width])', 'linkAbove * (u[at - above * width] - u[at])'],
    ['(y + half) % 2', '(y + half + 1) % 2'],
  ]),
  ...changes('flow/dis/denseInverseSearch', tests, [['Math.max(0, small - 2)', 'Math.max(0, small - 1)']]),
  ...changes('flow/chain', 'test/flow/chain.test.ts', [
    ['atX <= width - 1', 'atX <= width'],
    ['alongY > 0 ? a + 2 * width', 'alongY > 0 ? a + width'],
  ]),
];
