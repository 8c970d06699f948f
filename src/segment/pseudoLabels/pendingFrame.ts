// A segmented frame that waits for the thresholds of its classes: labels and uncertainties as the channels of a PNG.
import sharp from 'sharp';
import { SteadysegError } from '../../base/errors.js';
import { exists } from '../../base/files.js';
import type { LabelMap } from '../../media/image.js';
import { readPicture } from '../../media/pictures.js';
import { uncertaintiesOf } from './uncertainty.js';

export interface PendingFrame {
  readonly labels: LabelMap;
  /** Bin of each pixel's uncertainty (uncertainty.ts). */
  readonly uncertainties: Uint16Array;
}

/** Encodes labels (red) and the bins of their uncertainty (green: high byte, blue: low byte). */
export async function encodePendingFrame(labels: LabelMap, confidence: Float32Array): Promise<Uint8Array> {
  const { width, height, data: ids } = labels;
  const uncertainties = uncertaintiesOf(confidence);
  const data = new Uint8Array(3 * ids.length);
  for (let i = 0, to = 0; i < ids.length; i++, to += 3) {
    data[to] = ids[i];
    data[to + 1] = uncertainties[i] >> 8;
    data[to + 2] = uncertainties[i] & 255;
  }
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** @throws SteadysegError naming the file, when it is missing, damaged or of another size. */
export async function readPendingFrame(
  path: string,
  expected: { width: number; height: number },
): Promise<PendingFrame> {
  if (!(await exists(path))) {
    throw new SteadysegError(
      `${path}: expected a frame that waits for its thresholds, found none: such frames are removed when all is done; to choose again, run again without --resume`,
    );
  }
  const { width, height, data } = await readPicture(path);
  if (width !== expected.width || height !== expected.height) {
    throw new SteadysegError(
      `${path}: expected ${expected.width}×${expected.height} pixels, as frames.jsonl says, found ${width}×${height}: remove the file and run again with --resume`,
    );
  }
  const ids = new Uint8Array(width * height);
  const uncertainties = new Uint16Array(width * height);
  for (let i = 0, from = 0; i < ids.length; i++, from += 3) {
    ids[i] = data[from];
    uncertainties[i] = (data[from + 1] << 8) | data[from + 2];
  }
  return { labels: { width, height, data: ids }, uncertainties };
}
