// From light to pixels: anti-aliasing, motion blur, exposure, tone curve, sensor noise.
import type { OpticalFlow, RgbImage } from '../media/image.js';
import { createRandom } from '../tensor/random.js';
import type { Light } from './lighting.js';

/** Entries of the tone curve, over the square root of light from 0 to `BRIGHTEST`. */
const TONES = 4096;
const BRIGHTEST = 3;
const GAUSSIANS = 8192;

/** Tables that do not depend on the frame. */
export interface SensorTables {
  readonly tones: Float32Array;
  readonly gaussians: Float32Array;
}

export function createSensorTables(): SensorTables {
  const tones = Float32Array.from({ length: TONES + 1 }, (_, k) => {
    const light = ((BRIGHTEST * k) / TONES) ** 2;
    // A soft shoulder, so that skies and white walls keep their shapes; then sRGB's curve.
    const shown = Math.min(1, (light * 1.18 * (1 + light / 6)) / (1 + light * 0.92));
    const curve = shown <= 0.0031308 ? 12.92 * shown : 1.055 * shown ** (1 / 2.4) - 0.055;
    // A little more contrast, as cameras give.
    return 255 * (curve + 0.45 * (curve - 0.42) * curve * (1 - curve));
  });
  const random = createRandom(1);
  return { tones, gaussians: Float32Array.from({ length: GAUSSIANS }, () => random.normal()) };
}

/**
 * Half-pixel samples to `pixels`; linear RGB, interleaved. Pixels flagged in `flat` take their centre's sample, the others
 * (where surfaces meet) the tent filter (1 2 1) in both directions.
 */
export function resolve(
  colors: Float32Array,
  flat: Uint8Array,
  width: number,
  height: number,
  pixels: Float32Array,
): void {
  const row = 3 * (2 * width + 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      const b = (2 * y + 1) * row + 6 * x + 3;
      if (flat[pixel] === 1) {
        pixels[3 * pixel] = colors[b];
        pixels[3 * pixel + 1] = colors[b + 1];
        pixels[3 * pixel + 2] = colors[b + 2];
        continue;
      }
      const a = b - row;
      const c = b + row;
      for (let channel = 0; channel < 3; channel++) {
        pixels[3 * pixel + channel] =
          (colors[a - 3 + channel] +
            colors[a + 3 + channel] +
            colors[c - 3 + channel] +
            colors[c + 3 + channel] +
            2 * (colors[a + channel] + colors[b - 3 + channel] + colors[b + 3 + channel] + colors[c + channel]) +
            4 * colors[b + channel]) /
          16;
      }
    }
  }
}

/** Smears each pixel along its motion while the shutter is open: `shutter` is that share of the frame's time. */
export function blurAlong(colors: Float32Array, flow: OpticalFlow, shutter: number): Float32Array {
  const { width, height, data } = flow;
  const out = new Float32Array(colors.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pixel = y * width + x;
      const u = data[2 * pixel] * shutter;
      const v = data[2 * pixel + 1] * shutter;
      const taps = Math.min(15, 1 + 2 * Math.ceil(Math.max(Math.abs(u), Math.abs(v)) / 3));
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = 0; k < taps; k++) {
        const t = taps === 1 ? 0 : k / (taps - 1) - 0.5;
        const fromX = Math.min(width - 1, Math.max(0, Math.round(x + t * u)));
        const fromY = Math.min(height - 1, Math.max(0, Math.round(y + t * v)));
        const from = 3 * (fromY * width + fromX);
        red += colors[from];
        green += colors[from + 1];
        blue += colors[from + 2];
      }
      out[3 * pixel] = red / taps;
      out[3 * pixel + 1] = green / taps;
      out[3 * pixel + 2] = blue / taps;
    }
  }
  return out;
}

/** Exposes linear RGB and reads it out as 8 bits; `seed` draws the noise. */
export function expose(
  tables: SensorTables,
  colors: Float32Array,
  width: number,
  height: number,
  light: Light,
  seed: number,
): RgbImage {
  const { tones, gaussians } = tables;
  const data = new Uint8Array(width * height * 3);
  const toTone = TONES / BRIGHTEST;
  const read = 255 * light.readNoise;
  const shot = 255 * light.shotNoise;
  let state = seed | 0;
  for (let y = 0; y < height; y++) {
    const fromMiddleY = (2 * y) / height - 1;
    for (let x = 0; x < width; x++) {
      const fromMiddleX = (2 * x) / width - 1;
      const vignette = 1 - 0.11 * (fromMiddleX * fromMiddleX + fromMiddleY * fromMiddleY);
      const at = 3 * (y * width + x);
      for (let channel = 0; channel < 3; channel++) {
        const value = Math.max(0, colors[at + channel] * light.gain[channel] * vignette);
        const level = Math.min(TONES, Math.sqrt(value) * toTone);
        const tone = tones[(level + 0.5) | 0];
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        const noisy = tone + gaussians[state >>> 19] * (read + (shot * tone) / 255);
        data[at + channel] = noisy <= 0 ? 0 : noisy >= 254.5 ? 255 : noisy + 0.5;
      }
    }
  }
  return { width, height, data };
}
