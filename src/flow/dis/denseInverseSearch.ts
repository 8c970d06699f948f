// Optical flow by dense inverse search (DIS; Kroeger, Timofte, Dai and Van Gool, ECCV 2016): patches, then pixels, then all at once.
import { SteadysegError } from '../../base/errors.js';
import type { OpticalFlow, RgbImage } from '../../media/image.js';
import { resizeInterleaved } from '../resize.js';
import { densify } from './densify.js';
import { levelOf } from './level.js';
import { PATCH, searchPatches } from './patchSearch.js';
import { type GreyImage, greyImage, shrunken } from './pyramid.js';
import { refine } from './refine.js';

/** What an inverse search spends on a pair. */
export interface InverseSearchSettings {
  /** Pyramid level, 0 the full size, each half the one before, at which the search ends; the flow is enlarged from there. */
  readonly finestLevel: number;
  /** Pixels from one patch of 8×8 to the next. */
  readonly stride: number;
  /** Steps of descent of a patch at most. */
  readonly iterations: number;
  /** How often a level's flow is refined by the variational method. */
  readonly refinements: number;
}

/** OpenCV's presets. */
export const inverseSearchPresets = {
  ultrafast: { finestLevel: 2, stride: 4, iterations: 12, refinements: 0 },
  fast: { finestLevel: 2, stride: 4, iterations: 16, refinements: 5 },
  medium: { finestLevel: 1, stride: 3, iterations: 25, refinements: 5 },
} as const satisfies Record<string, InverseSearchSettings>;

/** Name of a preset. */
export type InverseSearchPreset = keyof typeof inverseSearchPresets;

/**
 * The flow from one picture to another, from their grey values, in the calling thread; `inverseSearchFlow` computes many pairs
 * in worker threads. From the coarsest level to the finest: the patches of a grid are searched (`searchPatches`), pixels take the
 * mean of the patches over them (`densify`), and the flow is refined (`refine`). Equal to OpenCV 4.6's DISOpticalFlow
 * up to rounding, which can grow where nothing fits; OpenCV reads past its memory for some small sizes, this does not.
 * @throws SteadysegError for pictures of different sizes, and for a side under 8 pixels or both under 12.
 */
export function denseInverseSearch(from: RgbImage, to: RgbImage, preset: InverseSearchPreset = 'medium'): OpticalFlow {
  const { width, height } = from;
  if (to.width !== width || to.height !== height) {
    throw new SteadysegError(
      `dense inverse search: expected pictures of one size, found ${width}×${height} and ${to.width}×${to.height}`,
    );
  }
  if (Math.min(width, height) < PATCH || Math.max(width, height) < MIN_LONGER_SIDE) {
    throw new SteadysegError(
      `dense inverse search: expected pictures of at least ${MIN_LONGER_SIDE}×${PATCH} pixels, found ${width}×${height}`,
    );
  }
  const settings = inverseSearchPresets[preset];
  const { finest, coarsest } = levelRange(width, height, settings.finestLevel);
  const fromPyramid = pyramid(greyImage(from), finest, coarsest);
  const toPyramid = pyramid(greyImage(to), finest, coarsest);

  let u: Float32Array = new Float32Array(fromPyramid[coarsest - finest].data.length);
  let v: Float32Array = new Float32Array(u.length);
  for (let k = coarsest; k >= finest; k--) {
    const level = levelOf(fromPyramid[k - finest], toPyramid[k - finest]);
    if (k < coarsest) {
      const coarser = fromPyramid[k + 1 - finest];
      u = enlarged(u, coarser, level);
      v = enlarged(v, coarser, level);
    }
    const grid = searchPatches(level, u, v, settings);
    densify(level, grid, u, v);
    if (settings.refinements > 0) refine(level, u, v, settings.refinements);
  }
  return atFullSize(u, v, fromPyramid[0], finest, width, height);
}

/** Of a picture's longer side, in pixels: OpenCV's limit. */
const MIN_LONGER_SIDE = 12;

/**
 * The pyramid's ends as OpenCV chooses them: the coarsest level is about 32 pixels long and no side is shorter than a patch; where
 * that is finer than the finest wanted, the picture is searched at up to three levels that fit it.
 */
function levelRange(width: number, height: number, finestLevel: number): { finest: number; coarsest: number } {
  const fitting = Math.floor(Math.log2(Math.min(width, height) / PATCH));
  const coarsest = Math.min(Math.floor(Math.log2(Math.max(width, height) / (4 * PATCH)) + 0.5), fitting);
  if (coarsest >= finestLevel) return { finest: finestLevel, coarsest };
  const small = Math.max(0, Math.min(Math.floor(Math.log2((2 * width) / (5 * PATCH))), fitting));
  return { finest: Math.max(0, small - 2), coarsest: small };
}

/** The picture at the levels from finest to coarsest; the first is made from the picture itself, each other from the one before. */
function pyramid(image: GreyImage, finest: number, coarsest: number): GreyImage[] {
  const levels = [shrunken(image, image.width >> finest, image.height >> finest)];
  for (let k = finest; k < coarsest; k++) {
    const last = levels[k - finest];
    levels.push(shrunken(last, last.width >> 1, last.height >> 1));
  }
  return levels;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** One component of the flow of a level, as the start of the next finer one. */
function enlarged(plane: Float32Array, from: Size, to: Size): Float32Array {
  const out = resizeInterleaved(plane, from.width, from.height, 1, to.width, to.height);
  for (let i = 0; i < out.length; i++) out[i] *= 2;
  return out;
}

/** The finest level's flow at the pictures' size, in their pixels. */
function atFullSize(
  u: Float32Array,
  v: Float32Array,
  level: Size,
  finest: number,
  width: number,
  height: number,
): OpticalFlow {
  const data = new Float32Array(u.length * 2);
  for (let i = 0; i < u.length; i++) {
    data[2 * i] = u[i] * 2 ** finest;
    data[2 * i + 1] = v[i] * 2 ** finest;
  }
  const fits = level.width === width && level.height === height;
  return { width, height, data: fits ? data : resizeInterleaved(data, level.width, level.height, 2, width, height) };
}
