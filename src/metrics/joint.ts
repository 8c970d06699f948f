// The joint histogram of two label maps, from which every count of mIoU and temporal consistency is read.
import { SteadysegError } from '../base/errors.js';
import { checkLabelMap, type LabelMap } from '../media/image.js';

/** `joint[a·256 + b]` is the number of pixels with id a in the first map and id b in the second. */
export type JointHistogram = Uint32Array;

/**
 * Counts the pairs of ids of two maps of one size.
 * @throws SteadysegError when the sizes differ
 */
export function jointHistogram(first: LabelMap, second: LabelMap): JointHistogram {
  checkLabelMap(first);
  checkLabelMap(second);
  requireSameSize(first, second, 'two label maps');
  const joint = new Uint32Array(1 << 16);
  // Neighbours mostly hold the same ids: four pixels are compared at a time with the four before, and a run of equal fours is stored once.
  const pixels = first.data.length;
  const fours = pixels >> 2;
  const a = wordsOf(first.data, fours);
  const b = wordsOf(second.data, fours);
  let wordA = 0;
  let wordB = 0;
  let run = 0;
  for (let i = 0; i < fours; i++) {
    if (a[i] === wordA && b[i] === wordB) run++;
    else {
      addFour(joint, wordA, wordB, run);
      wordA = a[i];
      wordB = b[i];
      run = 1;
    }
  }
  addFour(joint, wordA, wordB, run);
  for (let i = fours << 2; i < pixels; i++) joint[(first.data[i] << 8) | second.data[i]]++;
  return joint;
}

function addFour(joint: JointHistogram, a: number, b: number, run: number): void {
  joint[((a & 255) << 8) | (b & 255)] += run;
  joint[(a & 0xff00) | ((b >>> 8) & 255)] += run;
  joint[((a >>> 8) & 0xff00) | ((b >>> 16) & 255)] += run;
  joint[((a >>> 16) & 0xff00) | (b >>> 24)] += run;
}

/** The first bytes as 32-bit words; copied only where their alignment asks for it. */
function wordsOf(bytes: Uint8Array, words: number): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(aligned.buffer, aligned.byteOffset, words);
}

/** Refuses maps, flow or frames of different sizes; `what` names them in the error. */
export function requireSameSize(
  a: { readonly width: number; readonly height: number },
  b: { readonly width: number; readonly height: number },
  what: string,
): void {
  if (a.width !== b.width || a.height !== b.height) {
    throw new SteadysegError(
      `expected ${what} of one size, found ${a.width}×${a.height} and ${b.width}×${b.height} (width×height)`,
    );
  }
}
