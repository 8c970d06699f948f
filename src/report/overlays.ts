// The pictures of a pair of predictions: as colours, where they disagree after warping, and what was left out.
import sharp from 'sharp';
import { SteadysegError } from '../base/errors.js';
import type { ClassSet } from '../media/classes.js';
import { colorize } from '../media/color.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import type { ReportPicture } from './pictures.js';

/** What one pair is drawn from; all of one size. */
export interface PairMaps {
  /** Frame t. */
  readonly frame: RgbImage;
  /** Prediction of frame t. */
  readonly prediction: LabelMap;
  /** Prediction of frame t+1, as it is. */
  readonly nextPrediction: LabelMap;
  /** Prediction of frame t+1, warped to frame t. */
  readonly warped: LabelMap;
  /** Which pixels were counted: 0 for those left out. */
  readonly counted: Uint8Array;
  readonly classes: ClassSet;
}

/** Pictures are reduced to this width in pixels: twice what a page shows them at, and some 100 KB each. */
const MAX_WIDTH = 720;

const DISAGREEMENT = [255, 45, 85] as const;
const LEFT_OUT = [40, 120, 255] as const;

/** The five pictures of a pair, encoded. @throws SteadysegError when the sizes differ. */
export async function pairPictures(maps: PairMaps): Promise<ReportPicture[]> {
  const { frame, prediction, nextPrediction, warped, counted, classes } = maps;
  const { width, height } = frame;
  for (const map of [prediction, nextPrediction, warped]) {
    if (map.width !== width || map.height !== height) {
      throw new SteadysegError(
        `pictures of a pair: expected label maps of ${width}×${height} but received ${map.width}×${map.height}`,
      );
    }
  }
  const pixels = width * height;
  const disagree = (pixel: number) => counted[pixel] !== 0 && prediction.data[pixel] !== warped.data[pixel];
  const leftOut = (pixel: number) => counted[pixel] === 0;
  const share = (test: (pixel: number) => boolean, of: number) => {
    let count = 0;
    for (let pixel = 0; pixel < pixels; pixel++) if (test(pixel)) count++;
    return of === 0 ? '0' : ((100 * count) / of).toFixed(1);
  };
  let countedPixels = 0;
  for (let pixel = 0; pixel < pixels; pixel++) if (!leftOut(pixel)) countedPixels++;
  return await Promise.all([
    encode(frame, 'The frame', 'jpeg'),
    encode(colorize(prediction, classes), 'Its prediction', 'png'),
    encode(colorize(nextPrediction, classes), 'The next frame’s prediction', 'png'),
    encode(tinted(frame, disagree), `Disagreement after warping: ${share(disagree, countedPixels)} %`, 'jpeg'),
    encode(tinted(frame, leftOut, LEFT_OUT), `Left out: ${share(leftOut, pixels)} %`, 'jpeg'),
  ]);
}

/** The frame in pale grey, with the pixels that `marked` names in a colour; default: that of disagreement. */
export function tinted(
  frame: RgbImage,
  marked: (pixel: number) => boolean,
  color: readonly number[] = DISAGREEMENT,
): RgbImage {
  const { width, height, data } = frame;
  const rgb = new Uint8Array(data.length);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = pixel * 3;
    if (marked(pixel)) rgb.set(color, at);
    else rgb.fill(120 + (data[at] * 3 + data[at + 1] * 6 + data[at + 2]) / 20, at, at + 3);
  }
  return { width, height, data: rgb };
}

/** A picture of a report, reduced to what a page shows. */
export async function encode(image: RgbImage, caption: string, format: 'png' | 'jpeg'): Promise<ReportPicture> {
  const width = Math.min(image.width, MAX_WIDTH);
  const height = Math.max(1, Math.round((image.height * width) / image.width));
  const reduced = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } }).resize(
    width,
    height,
    { fit: 'fill', kernel: format === 'png' ? 'nearest' : 'lanczos3' },
  );
  // Few colours: a palette halves the file, and is exact up to 256.
  const encoder = format === 'png' ? reduced.png({ palette: true, dither: 0 }) : reduced.jpeg({ quality: 80 });
  return { caption, bytes: await encoder.toBuffer(), type: `image/${format}`, width, height };
}
