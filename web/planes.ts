// A decoded frame of a video as RGB, in FFmpeg's own numbers: the command line sees the same pixels, so that its figures are the page's.
import type { VideoSample } from 'mediabunny';
import type { RgbImage, Size } from '../src/web.js';

/** A matrix between YUV and RGB: red of V, blue of U, green of U and of V, in 65536ths, for 8-bit studio range. */
type Matrix = readonly [redOfV: number, blueOfU: number, greenOfU: number, greenOfV: number];

/** libswscale's tables, by WebCodecs' names. */
const matrices: Readonly<Record<string, Matrix>> = {
  bt709: [117489, 138438, -13975, -34925],
  smpte170m: [104597, 132201, -25675, -53279],
  bt470bg: [104597, 132201, -25675, -53279],
  'bt2020-ncl': [110013, 140363, -12277, -42626],
};

/**
 * The frame as the command line reads it, of a video that states these colours; undefined where FFmpeg goes another way than here
 * (other samples than 8-bit 4:2:0, an odd number of lines, pixels that are not square, mirroring) or the browser shows no planes.
 */
export async function rgbOf(sample: VideoSample, stated: VideoColorSpaceInit): Promise<RgbImage | undefined> {
  const { format, visibleRect, rotation, colorSpace } = sample;
  const { width, height } = visibleRect;
  const square = sample.squarePixelWidth === width && sample.squarePixelHeight === height;
  const matrix = matrices[stated.matrix ?? matrixOf(colorSpace.matrix, { width, height })];
  if ((format !== 'I420' && format !== 'NV12') || !matrix || !square || sample.flip || height % 2 === 1)
    return undefined;
  const bytes = new Uint8Array(sample.allocationSize());
  const planes = await sample.copyTo(bytes).catch(() => undefined);
  if (!planes) return undefined;
  const [y, u, v] =
    format === 'I420'
      ? planes.map((plane) => ({ ...plane, step: 1 }))
      : [{ ...planes[0], step: 1 }, ...[0, 1].map((k) => ({ ...planes[1], offset: planes[1].offset + k, step: 2 }))];
  // Numbers beyond a byte go to its ends, as FFmpeg's do.
  const data = new Uint8ClampedArray(width * height * 3);
  // As FFmpeg's vector code does: samples in eighths, factors in 8192ths, each product rounded down on its own.
  const full = colorSpace.fullRange === true;
  const factor = (value: number) => Math.floor((value * 8192 + 32768) / 65536);
  const [redOfV, blueOfU, greenOfU, greenOfV] = matrix.map((value) =>
    factor(full ? Math.trunc((value * 224) / 255) : value),
  );
  // In studio range, Y goes from 16 to 235.
  const gain = factor(full ? 65536 : Math.trunc((65536 * 255) / 219));
  const black = full ? 0 : 16 * 8;
  for (let row = 0, to = 0; row < height; row++) {
    const [ofY, ofU, ofV] = [
      y.offset + row * y.stride,
      u.offset + (row >> 1) * u.stride,
      v.offset + (row >> 1) * v.stride,
    ];
    for (let column = 0; column < width; column++, to += 3) {
      const light = ((bytes[ofY + column] * 8 - black) * gain) >> 16;
      const blue = (bytes[ofU + (column >> 1) * u.step] - 128) * 8;
      const red = (bytes[ofV + (column >> 1) * v.step] - 128) * 8;
      data[to] = light + ((red * redOfV) >> 16);
      data[to + 1] = light + ((blue * greenOfU) >> 16) + ((red * greenOfV) >> 16);
      data[to + 2] = light + ((blue * blueOfU) >> 16);
    }
  }
  return turned({ width, height, data: new Uint8Array(data.buffer) }, rotation);
}

/** Browsers say BT.709 where a video says nothing, too; there it goes by the size, as with players and on the command line. */
function matrixOf(said: string | null, { width, height }: Size): string {
  if (said !== null && said !== 'bt709') return said;
  return width >= 1280 || height > 576 ? 'bt709' : 'smpte170m';
}

/** Turned clockwise by 0, 90, 180 or 270 degrees. */
function turned(image: RgbImage, degrees: number): RgbImage {
  if (degrees === 0) return image;
  const { width, height, data: from } = image;
  const across = degrees === 180;
  const size = across ? { width, height } : { width: height, height: width };
  const data = new Uint8Array(from.length);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 3) {
      const [x, y] = across
        ? [width - 1 - column, height - 1 - row]
        : degrees === 90
          ? [height - 1 - row, column]
          : [row, width - 1 - column];
      data.set(from.subarray(at, at + 3), (y * size.width + x) * 3);
    }
  }
  return { ...size, data };
}
