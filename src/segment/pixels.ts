// From a frame to a network's input: a region resized, normalised and laid out as planes (SPEC §0 and §5).
import { halfPixelAxis, shrinkFactor } from './axis.js';
import type { Preprocessing } from './preprocessing.js';

/** Interleaved RGB, 8-bit or not rounded; `data.length` is `width·height·3`. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Float32Array;
}

/** A rectangle in a frame: its top left corner and size in pixels. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The region of a whole frame. */
export function wholeOf(frame: { readonly width: number; readonly height: number }): Region {
  return { x: 0, y: 0, width: frame.width, height: frame.height };
}

/**
 * Writes `(pixel - mean) / std` of a region, resized to `height × width`, as planes `[3, height, width]` into `out`.
 * An axis that shrinks by a whole factor is averaged; any other is sampled bilinearly with half-pixel centres.
 */
export function prepareInput(
  source: Pixels,
  region: Region,
  height: number,
  width: number,
  { mean, std, channelOrder }: Preprocessing,
  out: Float32Array,
): void {
  const row = rowResizer(source, region, height, width);
  const plane = height * width;
  for (let y = 0; y < height; y++) {
    const values = row(y);
    for (let channel = 0; channel < 3; channel++) {
      const from = channelOrder === 'bgr' ? 2 - channel : channel;
      const multiply = 1 / std[channel];
      const add = -mean[channel] / std[channel];
      const at = channel * plane + y * width;
      for (let x = 0; x < width; x++) out[at + x] = values[x * 3 + from] * multiply + add;
    }
  }
}

/** The frame at another size, not rounded. */
export function resizePixels(source: Pixels, height: number, width: number): Pixels {
  if (source.height === height && source.width === width) return source;
  const row = rowResizer(source, wholeOf(source), height, width);
  const data = new Float32Array(height * width * 3);
  for (let y = 0; y < height; y++) data.set(row(y), y * width * 3);
  return { width, height, data };
}

/** A function that gives row y of the resized region, interleaved, in a buffer it reuses. */
function rowResizer(source: Pixels, region: Region, height: number, width: number): (y: number) => Float32Array {
  const { data } = source;
  const length = region.width * 3;
  const stride = source.width * 3;
  const origin = region.y * stride + region.x * 3;
  const tall = new Float32Array(length);
  const fillTall = verticalFill(data, origin, stride, region.height, height, tall);
  if (width === region.width) {
    return (y) => {
      fillTall(y);
      return tall;
    };
  }
  const wide = new Float32Array(width * 3);
  const factor = shrinkFactor(region.width, width);
  if (factor !== undefined) {
    return (y) => {
      fillTall(y);
      averagePixels(tall, factor, wide);
      return wide;
    };
  }
  const { low, high, lowWeight, highWeight } = halfPixelAxis(region.width, width);
  return (y) => {
    fillTall(y);
    for (let x = 0, i = 0; x < width; x++, i += 3) {
      const a = low[x] * 3;
      const b = high[x] * 3;
      const wa = lowWeight[x];
      const wb = highWeight[x];
      wide[i] = tall[a] * wa + tall[b] * wb;
      wide[i + 1] = tall[a + 1] * wa + tall[b + 1] * wb;
      wide[i + 2] = tall[a + 2] * wa + tall[b + 2] * wb;
    }
    return wide;
  };
}

/** A function that fills `tall` with row y of the region resized along its height only. */
function verticalFill(
  data: Uint8Array | Float32Array,
  origin: number,
  stride: number,
  from: number,
  to: number,
  tall: Float32Array,
): (y: number) => void {
  const { length } = tall;
  if (from === to) {
    return (y) => {
      const at = origin + y * stride;
      for (let i = 0; i < length; i++) tall[i] = data[at + i];
    };
  }
  const factor = shrinkFactor(from, to);
  if (factor !== undefined) {
    return (y) => {
      const first = origin + y * factor * stride;
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let at = first + i, k = 0; k < factor; k++, at += stride) sum += data[at];
        tall[i] = sum / factor;
      }
    };
  }
  const { low, high, lowWeight, highWeight } = halfPixelAxis(from, to);
  return (y) => {
    const a = origin + low[y] * stride;
    const b = origin + high[y] * stride;
    const wa = lowWeight[y];
    const wb = highWeight[y];
    for (let i = 0; i < length; i++) tall[i] = data[a + i] * wa + data[b + i] * wb;
  };
}

/** Averages `factor` pixels at a time; outer ones first, in pairs, so that a mirrored row gives the mirrored averages. */
function averagePixels(tall: Float32Array, factor: number, wide: Float32Array): void {
  const pairs = factor >> 1;
  const last = (factor - 1) * 3;
  for (let i = 0, first = 0; i < wide.length; i += 3, first += factor * 3) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let k = 0; k < pairs; k++) {
      const a = first + 3 * k;
      const b = first + last - 3 * k;
      red += tall[a] + tall[b];
      green += tall[a + 1] + tall[b + 1];
      blue += tall[a + 2] + tall[b + 2];
    }
    if (factor & 1) {
      const middle = first + 3 * pairs;
      red += tall[middle];
      green += tall[middle + 1];
      blue += tall[middle + 2];
    }
    wide[i] = red / factor;
    wide[i + 1] = green / factor;
    wide[i + 2] = blue / factor;
  }
}
