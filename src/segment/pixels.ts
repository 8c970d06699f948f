// From a frame to a network's input: a region resized, normalised and laid out as planes (SPEC §0 and §5).
import { halfPixelAxis, type LinearAxis, shrinkFactor } from '../tensor/linearAxis.js';
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
  const plane = height * width;
  // By the channel of the pixels: the plane it goes to, and what becomes of it there.
  const targets = [0, 1, 2].map((channel) => {
    const to = channelOrder === 'bgr' ? 2 - channel : channel;
    return { start: to * plane, multiply: 1 / std[channel], add: -mean[channel] / std[channel] };
  });
  const rowsOfPlanes = (y: number): [PlaneRow, PlaneRow, PlaneRow] => {
    const [red, green, blue] = targets.map(({ start, multiply, add }) => {
      const values = out.subarray(start + y * width, start + (y + 1) * width);
      return { values, multiply, add };
    });
    return [red, green, blue];
  };
  if (width !== region.width && shrinkFactor(region.width, width) === undefined) {
    const tall = new Float32Array(region.width * 3);
    const fillTall = tallRows(source, region, height, tall);
    const axis = halfPixelAxis(region.width, width);
    for (let y = 0; y < height; y++) {
      fillTall(y);
      sampleRow(tall, axis, ...rowsOfPlanes(y));
    }
    return;
  }
  const row = rowResizer(source, region, height, width);
  for (let y = 0; y < height; y++) {
    const interleaved = row(y);
    for (const [channel, { values, multiply, add }] of rowsOfPlanes(y).entries()) {
      for (let x = 0; x < width; x++) values[x] = interleaved[x * 3 + channel] * multiply + add;
    }
  }
}

/** A row of one plane of the network's input, and how pixels are normalised in it. */
interface PlaneRow {
  readonly values: Float32Array;
  readonly multiply: number;
  readonly add: number;
}

/** Samples a row along its width and normalises it, as `rowResizer` and a loop after it would, in one step. */
function sampleRow(
  tall: Float32Array,
  { low, high, lowWeight, highWeight }: LinearAxis,
  red: PlaneRow,
  green: PlaneRow,
  blue: PlaneRow,
): void {
  const { values: reds, multiply: multiplyRed, add: addRed } = red;
  const { values: greens, multiply: multiplyGreen, add: addGreen } = green;
  const { values: blues, multiply: multiplyBlue, add: addBlue } = blue;
  for (let x = 0; x < reds.length; x++) {
    const a = low[x] * 3;
    const b = high[x] * 3;
    const wa = lowWeight[x];
    const wb = highWeight[x];
    reds[x] = Math.fround(tall[a] * wa + tall[b] * wb) * multiplyRed + addRed;
    greens[x] = Math.fround(tall[a + 1] * wa + tall[b + 1] * wb) * multiplyGreen + addGreen;
    blues[x] = Math.fround(tall[a + 2] * wa + tall[b + 2] * wb) * multiplyBlue + addBlue;
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
  const tall = new Float32Array(region.width * 3);
  const fillTall = tallRows(source, region, height, tall);
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

/** A function that fills `tall` with row y of the region resized along its height only, to `to` rows. */
function tallRows(source: Pixels, region: Region, to: number, tall: Float32Array): (y: number) => void {
  const { data } = source;
  const { length } = tall;
  const from = region.height;
  const stride = source.width * 3;
  const origin = region.y * stride + region.x * 3;
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
    mixRows(data.subarray(a, a + length), data.subarray(b, b + length), wa, wb, tall);
  };
}

function mixRows(
  upper: Uint8Array | Float32Array,
  lower: Uint8Array | Float32Array,
  upperWeight: number,
  lowerWeight: number,
  tall: Float32Array,
): void {
  for (let i = 0; i < tall.length; i++) tall[i] = upper[i] * upperWeight + lower[i] * lowerWeight;
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
