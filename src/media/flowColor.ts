// Optical flow as colours: the Middlebury colour wheel (Baker et al., "A Database and Evaluation Methodology for Optical Flow", 2011).
import { isUnknownFlow } from './flowValues.js';
import { checkFlow, type OpticalFlow, type RgbImage } from './image.js';

/** Hues of the wheel and how many of its 55 entries lie from each to the next. */
const segments: readonly { from: readonly number[]; to: readonly number[]; entries: number }[] = [
  { from: [255, 0, 0], to: [255, 255, 0], entries: 15 },
  { from: [255, 255, 0], to: [0, 255, 0], entries: 6 },
  { from: [0, 255, 0], to: [0, 255, 255], entries: 4 },
  { from: [0, 255, 255], to: [0, 0, 255], entries: 11 },
  { from: [0, 0, 255], to: [255, 0, 255], entries: 13 },
  { from: [255, 0, 255], to: [255, 0, 0], entries: 6 },
];

/** RGB of the 55 entries, in rows. Channels that fall are `255 - ⌊255·i/n⌋`, those that rise `⌊255·i/n⌋`, as in the published code. */
const wheel: Float64Array = (() => {
  const colors: number[] = [];
  for (const { from, to, entries } of segments) {
    for (let i = 0; i < entries; i++) {
      const step = Math.floor((255 * i) / entries);
      for (let channel = 0; channel < 3; channel++) {
        colors.push(from[channel] + Math.sign(to[channel] - from[channel]) * step);
      }
    }
  }
  return Float64Array.from(colors);
})();

const WHEEL_ENTRIES = wheel.length / 3;

/** Flow longer than the largest radius keeps its hue at this share of its brightness. */
const BEYOND_RADIUS = 0.75;

/**
 * The colour picture of a flow field: hue is the direction, saturation the length relative to `maxRadius`.
 * No motion is white, unknown flow black.
 * @param maxRadius length in pixels that is fully saturated. Default: the longest known vector of the field.
 */
export function flowColors(flow: OpticalFlow, maxRadius: number = largestRadius(flow)): RgbImage {
  checkFlow(flow);
  const { width, height, data } = flow;
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const u = data[pixel * 2];
    const v = data[pixel * 2 + 1];
    if (isUnknownFlow(u, v)) continue;
    // Written as in largestRadius, so that the longest vector has exactly 1.
    const radius = maxRadius > 0 ? Math.sqrt(u * u + v * v) / maxRadius : 0;
    const place = ((Math.atan2(-v, -u) / Math.PI + 1) / 2) * (WHEEL_ENTRIES - 1);
    const entry = Math.floor(place);
    const next = (entry + 1) % WHEEL_ENTRIES;
    const fraction = place - entry;
    for (let channel = 0; channel < 3; channel++) {
      const hue = ((1 - fraction) * wheel[entry * 3 + channel] + fraction * wheel[next * 3 + channel]) / 255;
      const color = radius <= 1 ? 1 - radius * (1 - hue) : hue * BEYOND_RADIUS;
      rgb[pixel * 3 + channel] = Math.floor(255 * color);
    }
  }
  return { width, height, data: rgb };
}

/** Length in pixels of the longest known vector; 0 when none is known. */
export function largestRadius(flow: OpticalFlow): number {
  let largest = 0;
  for (let i = 0; i < flow.data.length; i += 2) {
    const [u, v] = [flow.data[i], flow.data[i + 1]];
    if (!isUnknownFlow(u, v)) largest = Math.max(largest, u * u + v * v);
  }
  return Math.sqrt(largest);
}
