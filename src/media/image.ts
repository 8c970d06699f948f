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

/** @throws SteadysegError when flow has not two values for each pixel that its size says. */
export function checkFlow(flow: OpticalFlow, what = 'flow field'): void {
  checkSides(flow, what);
  const expected = flow.width * flow.height * 2;
  if (!(flow.data instanceof Float32Array) || flow.data.length !== expected) {
    throw new SteadysegError(
      `expected a ${what} of ${flow.width}×${flow.height} as a Float32Array of ${expected} values, found ${describeBuffer(flow.data)}`,
    );
  }
}

function checkSides({ width, height }: { readonly width: number; readonly height: number }, what: string): void {
  if (Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1) return;
  throw new SteadysegError(`expected a ${what} of whole sides of at least 1 pixel, found ${width}×${height}`);
}

/** What stands in the place of pixels, for messages: a caller of JavaScript may give anything. */
function describeBuffer(data: unknown): string {
  if (ArrayBuffer.isView(data) && 'length' in data) return `${data.constructor.name} of ${data.length}`;
  return data === null ? 'null' : typeof data;
}

function checkBuffer(image: RgbImage, channels: number, what: string): void {
  checkSides(image, what);
  const { width, height, data } = image;
  const expected = width * height * channels;
  if (!(data instanceof Uint8Array) || data.length !== expected) {
    throw new SteadysegError(
      `expected a ${what} of ${width}×${height} as a Uint8Array of ${expected} bytes, ${channels} a pixel, found ${describeBuffer(data)}`,
    );
  }
}

/** The label of pixels that do not count. */
export const ignoreLabel = 255;
