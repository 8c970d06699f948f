// Decoded frames as RGB pictures as they are to be shown: colour matrix and range, cropping, quarter turns and mirroring.
import {
  AV_FRAME_FLAG_INTERLACED,
  AV_PIX_FMT_RGB24,
  AV_PKT_DATA_DISPLAYMATRIX,
  AV_PKT_DATA_FRAME_CROPPING,
  AVCOL_RANGE_JPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_RGB,
  AVCOL_SPC_SMPTE170M,
  AVCOL_SPC_UNSPECIFIED,
  type AVColorSpace,
} from 'node-av/constants';
import { Frame as AvFrame, SoftwareScaleContext, type Stream } from 'node-av/lib';
import { SteadysegError } from '../base/errors.js';
import type { RgbImage } from './image.js';
import { reason } from './videoInput.js';

/** Where the pixels shown lie among those decoded: a rectangle, then quarter turns and mirroring. */
export interface Geometry {
  readonly decoded: readonly [width: number, height: number];
  readonly left: number;
  readonly top: number;
  readonly cropped: readonly [width: number, height: number];
  /** The display matrix' upper left part, each 0, 1 or -1: shown x = a·x + c·y, shown y = b·x + d·y (up to a shift). */
  readonly turn: readonly [a: number, b: number, c: number, d: number];
  readonly size: readonly [width: number, height: number];
}

/** The geometry that a stream states. */
export function geometryOf(stream: Stream): Geometry {
  const { codecpar: parameters } = stream;
  const decoded = [parameters.width, parameters.height] as const;
  const crop = parameters.getCodedSideData(AV_PKT_DATA_FRAME_CROPPING);
  const [top, bottom, left, right] =
    crop?.length === 16 ? [0, 4, 8, 12].map((at) => crop.readUInt32LE(at)) : [0, 0, 0, 0];
  const fits = left + right < decoded[0] && top + bottom < decoded[1];
  const cropped = fits ? ([decoded[0] - left - right, decoded[1] - top - bottom] as const) : decoded;
  const turn = turnOf(parameters.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX));
  const size = turn[0] === 0 ? ([cropped[1], cropped[0]] as const) : cropped;
  return { decoded, left: fits ? left : 0, top: fits ? top : 0, cropped, turn, size };
}

/** The quarter turns and mirroring of a display matrix (nine 32-bit numbers, 16.16 fixed point); none when it turns by other angles. */
function turnOf(matrix: Buffer | null): Geometry['turn'] {
  if (matrix === null || matrix.length < 36) return [1, 0, 0, 1];
  const [a, b, c, d] = [0, 4, 12, 16].map((at) => Math.sign(Math.round(matrix.readInt32LE(at) / 65536)));
  return a * d - b * c !== 0 && a * b === 0 && c * d === 0 ? [a, b, c, d] : [1, 0, 0, 1];
}

/** Converts decoded frames; one buffer of FFmpeg's is used again for all. */
export interface FrameConverter {
  /** The picture is overwritten by the next. @throws SteadysegError for a frame of another size or of no known format. */
  convert(frame: AvFrame): Promise<RgbImage>;
  free(): void;
}

export function createFrameConverter({ decoded, left, top, cropped, turn, size }: Geometry): FrameConverter {
  const [width, height] = decoded;
  const scaler = new SoftwareScaleContext();
  // Without a fixed setup the scaler takes sizes, formats, matrix and range from the frames.
  scaler.allocContext();
  const rgb = new AvFrame();
  rgb.alloc();
  rgb.width = width;
  rgb.height = height;
  rgb.format = AV_PIX_FMT_RGB24;
  // The scaler writes whole words of the processor: without room behind each line it leaves out the last columns.
  rgb.getBuffer(64);
  rgb.colorSpace = AVCOL_SPC_RGB;
  rgb.colorRange = AVCOL_RANGE_JPEG;
  const plain = cropped[0] === width && cropped[1] === height && turn[0] === 1 && turn[3] === 1;

  return {
    async convert(frame) {
      if (frame.width !== width || frame.height !== height) {
        throw new SteadysegError(`expected ${width}×${height} as before, found ${frame.width}×${frame.height}`);
      }
      if (frame.colorSpace === AVCOL_SPC_UNSPECIFIED) frame.colorSpace = colorMatrixFor(width, height);
      // Equal primaries and transfer: the scaler changes the representation only, not the colours.
      rgb.colorPrimaries = frame.colorPrimaries;
      rgb.colorTrc = frame.colorTrc;
      // Both fields of an interlaced frame go into one picture, as lines of the frame they are woven into.
      frame.clearFlags(AV_FRAME_FLAG_INTERLACED);
      const converted = await scaler.scaleFrame(rgb, frame);
      if (converted < 0) throw new SteadysegError(`cannot be converted to RGB: ${reason(converted)}`);
      const packed = rgb.toBuffer();
      const pixels = new Uint8Array(packed.buffer, packed.byteOffset, width * height * 3);
      return { width: size[0], height: size[1], data: plain ? pixels : place(pixels) };
    },
    free(): void {
      scaler.freeContext();
      rgb.free();
    },
  };

  /** Crops, turns and mirrors: the source of shown pixel (X, Y) is linear in X and Y. */
  function place(pixels: Uint8Array): Uint8Array {
    const [a, b, c, d] = turn;
    const stepX = (a + c * width) * 3;
    const stepY = (b + d * width) * 3;
    const firstX = left + (a + b < 0 ? cropped[0] - 1 : 0);
    const firstY = top + (c + d < 0 ? cropped[1] - 1 : 0);
    const out = new Uint8Array(size[0] * size[1] * 3);
    for (let y = 0, to = 0; y < size[1]; y++) {
      let at = (firstY * width + firstX) * 3 + y * stepY;
      for (let x = 0; x < size[0]; x++, to += 3, at += stepX) {
        out[to] = pixels[at];
        out[to + 1] = pixels[at + 1];
        out[to + 2] = pixels[at + 2];
      }
    }
    return out;
  }
}

/** The matrix between RGB and YUV that players take for a frame size when a stream names none: BT.709 for high definition, else BT.601. */
export function colorMatrixFor(width: number, height: number): AVColorSpace {
  return width >= 1280 || height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}
