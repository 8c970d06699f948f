// In-memory pictures: colour frames, label maps and optical flow.
import { SteadysegError } from '../base/errors.js';

/** Height and width in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** Interleaved 8-bit RGB; `data.length` is `width·height·3`. */
export interface RgbImage extends Size {
  readonly data: Uint8Array;
}

/** One train id (0..254, or the ignore label) a pixel; `data.length` is `width·height`. */
export interface LabelMap extends Size {
  readonly data: Uint8Array;
}

/** Optical flow in pixels, interleaved (u right, v down): the point at (x, y) is at (x+u, y+v) in the other frame. `data.length` is `width·height·2`. */
export interface OpticalFlow extends Size {
  readonly data: Float32Array;
}

/** @throws SteadysegError when a picture has not as many values as its size says. */
export function checkImage(image: RgbImage, what = 'picture'): void {
  checkBuffer(image, 3, what);
}

/** @throws SteadysegError when a label map has not as many labels as its size says. */
export function checkLabelMap(labels: LabelMap, what = 'label map'): void {
  checkBuffer(labels, 1, what);
}

function checkBuffer({ width, height, data }: RgbImage, channels: number, what: string): void {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1)) {
    throw new SteadysegError(`expected a ${what} of whole sides of at least 1 pixel, found ${width}×${height}`);
  }
  const expected = width * height * channels;
  if (!(data instanceof Uint8Array) || data.length !== expected) {
    const found = data instanceof Uint8Array ? `${data.length} bytes` : (Object(data).constructor?.name ?? typeof data);
    throw new SteadysegError(
      `expected a ${what} of ${width}×${height} as a Uint8Array of ${expected} bytes, ${channels} a pixel, found ${found}`,
    );
  }
}

/** The label of pixels that do not count. */
export const ignoreLabel = 255;
