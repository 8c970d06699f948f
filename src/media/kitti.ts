// KITTI optical flow: 16-bit RGB PNG, u = (R - 32768)/64, v = (G - 32768)/64, B not 0 where the flow is known.
import sharp from 'sharp';
import { messageOf, SteadysegError } from '../base/errors.js';
import { readFileBounded, writeFileWhole } from '../base/files.js';
import { checkFlowSize, MAX_FLOW_PIXELS } from './flo.js';
import { isUnknownFlow, UNKNOWN_FLOW } from './flowValues.js';
import { checkFlow, type OpticalFlow } from './image.js';
import { isPng } from './png.js';

/** An uncompressed 16-bit PNG of the largest flow, with room for its chunks; a larger file holds something else. */
const MAX_KITTI_BYTES = MAX_FLOW_PIXELS * 6 + (1 << 20);

const ZERO = 32768;
const STEPS_PER_PIXEL = 64;

/**
 * Reads a KITTI flow PNG. Pixels without the valid flag get `UNKNOWN_FLOW` in both components.
 * @throws SteadysegError for what is not a 16-bit RGB PNG, or is beyond the limits of `.flo` files.
 */
export async function readKittiFlow(path: string): Promise<OpticalFlow> {
  const bytes = await readFileBounded(path, MAX_KITTI_BYTES);
  // Before sharp sees it, which would draw vector graphics.
  if (!isPng(bytes)) throw new SteadysegError(`${path}: expected KITTI flow (PNG, 3 channels of 16 bit), found no PNG`);
  try {
    const { width, height, channels, depth } = await sharp(bytes, { limitInputPixels: false }).metadata();
    checkFlowSize(width, height, path);
    if (depth !== 'ushort' || channels !== 3) {
      const bits = depth === 'ushort' ? '16 bit' : '8 bit';
      throw new SteadysegError(
        `${path}: expected KITTI flow (PNG, 3 channels of 16 bit), found png, ${channels} channels of ${bits}`,
      );
    }
    // Without the 16-bit colour space sharp reduces to 8 bits on the way.
    const decoded = await sharp(bytes, { limitInputPixels: MAX_FLOW_PIXELS })
      .toColourspace('rgb16')
      .raw({ depth: 'ushort' })
      .toBuffer();
    const values = new Uint16Array(decoded.buffer, decoded.byteOffset, width * height * 3);
    const data = new Float32Array(width * height * 2);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const valid = values[pixel * 3 + 2] !== 0;
      data[pixel * 2] = valid ? (values[pixel * 3] - ZERO) / STEPS_PER_PIXEL : UNKNOWN_FLOW;
      data[pixel * 2 + 1] = valid ? (values[pixel * 3 + 1] - ZERO) / STEPS_PER_PIXEL : UNKNOWN_FLOW;
    }
    return { width, height, data };
  } catch (thrown) {
    if (thrown instanceof SteadysegError) throw thrown;
    throw new SteadysegError(`${path}: expected a KITTI flow PNG, found a damaged file: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** Writes a KITTI flow PNG, whole or not at all: rounded to 1/64 pixel; unknown flow and flow beyond ±512 pixels lose the valid flag. */
export async function writeKittiFlow(path: string, flow: OpticalFlow): Promise<void> {
  checkFlow(flow);
  const { width, height, data } = flow;
  checkFlowSize(width, height, 'flow');
  const values = new Uint16Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const u = Math.round(data[pixel * 2] * STEPS_PER_PIXEL) + ZERO;
    const v = Math.round(data[pixel * 2 + 1] * STEPS_PER_PIXEL) + ZERO;
    const fits = u >= 0 && u <= 65535 && v >= 0 && v <= 65535;
    if (!fits || isUnknownFlow(data[pixel * 2], data[pixel * 2 + 1])) continue;
    values[pixel * 3] = u;
    values[pixel * 3 + 1] = v;
    values[pixel * 3 + 2] = 1;
  }
  const png = await sharp(values, { raw: { width, height, channels: 3 } })
    .toColourspace('rgb16')
    .png()
    .toBuffer();
  await writeFileWhole(path, png);
}
