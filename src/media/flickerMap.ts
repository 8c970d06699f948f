// How often pixels change their labels, drawn as a map.
import { SteadysegError } from '../base/errors.js';
import type { Flicker } from './flicker.js';
import type { RgbImage } from './image.js';
import { createCaption, drawLegend } from './legend.js';
import { drawText } from './strokeFont.js';

/** Dark to light through purple and orange: read in colour and in grey. */
const ramp: readonly (readonly [number, number, number])[] = [
  [8, 6, 20],
  [74, 16, 108],
  [158, 42, 99],
  [225, 100, 50],
  [251, 180, 30],
  [252, 255, 190],
];
/** Ends of the colour scale; the first is taken that 99.5 % of all pixels lie below. */
const scaleEnds = [0.02, 0.05, 0.1, 0.2, 0.5, 1];
const SHARE_WITHIN_SCALE = 0.995;

/** The maps of two predictions side by side on one colour scale, with their names, rates and the scale below. */
export function drawFlicker(a: Flicker, b: Flicker, names: readonly [string, string]): RgbImage {
  if (a.width !== b.width || a.height !== b.height) {
    throw new SteadysegError(`expected two maps of one size, found ${a.width}×${a.height} and ${b.width}×${b.height}`);
  }
  const { width, height } = a;
  const gap = Math.max(2, Math.round(height / 100));
  const unit = Math.max(1.2, (1.5 * Math.min(height, width * 0.75)) / 540);
  const band = Math.round(18 * unit);
  const out = {
    width: 2 * width + gap,
    height: height + band,
    data: new Uint8Array((2 * width + gap) * (height + band) * 3),
  };
  out.data.fill(24);
  const end = flickerScale([a, b]);
  for (const [side, flicker] of [a, b].entries()) {
    const left = side * (width + gap);
    const { data } = paintFlicker(flicker, end);
    for (let y = 0; y < height; y++) {
      out.data.set(data.subarray(3 * y * width, 3 * (y + 1) * width), (y * out.width + left) * 3);
    }
    const caption = `${names[side]}: ${percent(flicker.rate)} of pixels change per frame`;
    const corner = Math.round(4 * unit);
    const drawn = createCaption(caption, unit, left + corner, corner, width - 2 * corner);
    if (drawn) drawLegend(out, drawn);
  }
  drawScale(out, { top: height, band, unit, end, colors: rampColors() });
  return out;
}

/** How often each pixel changes, from dark (never) to light (in `end` of all pairs, 0..1, or more). */
export function paintFlicker({ width, height, changed, pairs }: Flicker, end: number): RgbImage {
  const colors = rampColors();
  const data = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < changed.length; pixel++) {
    const rate = pairs[pixel] === 0 ? 0 : changed[pixel] / pairs[pixel];
    const entry = Math.round(Math.min(1, rate / end) * 255) * 3;
    data.set(colors.subarray(entry, entry + 3), 3 * pixel);
  }
  return { width, height, data };
}

function drawScale(
  out: RgbImage,
  { top, band, unit, end, colors }: { top: number; band: number; unit: number; end: number; colors: Uint8Array },
): void {
  const [low, high] = ['0 %', `${end < 1 ? '> ' : ''}${percent(end)}`].map((text) => drawText(text, unit));
  const barHeight = Math.round(8 * unit);
  const barWidth = Math.max(1, Math.min(Math.round(200 * unit), out.width - low.width - high.width - 16 * unit));
  const barLeft = Math.round((out.width - barWidth) / 2);
  const barTop = top + Math.round((band - barHeight) / 2);
  for (let x = 0; x < barWidth && barLeft + x < out.width; x++) {
    const entry = Math.round((x / Math.max(1, barWidth - 1)) * 255) * 3;
    for (let y = 0; y < barHeight; y++) {
      out.data.set(colors.subarray(entry, entry + 3), ((barTop + y) * out.width + barLeft + x) * 3);
    }
  }
  const text = (mask: typeof low, left: number) => {
    const y0 = top + Math.round((band - mask.height + unit) / 2);
    for (let y = 0; y < mask.height && y0 + y < out.height; y++) {
      for (let x = Math.max(0, -left); x < mask.width && left + x < out.width; x++) {
        const value = Math.max(24, mask.alpha[y * mask.width + x]);
        out.data.fill(value, ((y0 + y) * out.width + left + x) * 3, ((y0 + y) * out.width + left + x) * 3 + 3);
      }
    }
  };
  text(low, Math.round(barLeft - low.width - 3 * unit));
  text(high, Math.round(barLeft + barWidth + 3 * unit));
}

/** An end of the colour scale that suits all maps: few pixels lie above it. */
export function flickerScale(maps: readonly Flicker[]): number {
  const within = (end: number) => {
    let inside = 0;
    let all = 0;
    for (const { changed, pairs } of maps) {
      all += pairs.length;
      for (let pixel = 0; pixel < pairs.length; pixel++) if (changed[pixel] <= end * pairs[pixel]) inside++;
    }
    return inside / all;
  };
  return scaleEnds.find((end) => within(end) >= SHARE_WITHIN_SCALE) ?? 1;
}

function rampColors(): Uint8Array {
  const colors = new Uint8Array(256 * 3);
  for (let entry = 0; entry < 256; entry++) {
    const place = (entry / 255) * (ramp.length - 1);
    const below = Math.min(ramp.length - 2, Math.floor(place));
    for (let channel = 0; channel < 3; channel++) {
      const [from, to] = [ramp[below][channel], ramp[below + 1][channel]];
      colors[entry * 3 + channel] = Math.round(from + (to - from) * (place - below));
    }
  }
  return colors;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(share < 0.1 ? 2 : 1))} %`;
}
