// Bilinear resizing of interleaved samples (colours, flow vectors) with half-pixel centres.
import { halfPixelAxis } from '../tensor/linearAxis.js';

/**
 * Resizes `channels` interleaved samples a pixel from `width`×`height` to `newWidth`×`newHeight`: a new pixel is
 * sampled at the same place of the picture, pixel centres at ½, the edges repeated. Values are not scaled.
 */
export function resizeInterleaved(
  samples: ArrayLike<number>,
  width: number,
  height: number,
  channels: number,
  newWidth: number,
  newHeight: number,
): Float32Array {
  const columns = halfPixelAxis(width, newWidth);
  const rows = halfPixelAxis(height, newHeight);
  const out = new Float32Array(newWidth * newHeight * channels);
  let at = 0;
  for (let y = 0; y < newHeight; y++) {
    const top = rows.low[y] * width;
    const bottom = rows.high[y] * width;
    const down = rows.highWeight[y];
    for (let x = 0; x < newWidth; x++) {
      const left = columns.low[x];
      const right = columns.high[x];
      const along = columns.highWeight[x];
      for (let channel = 0; channel < channels; channel++) {
        const a = samples[(top + left) * channels + channel];
        const b = samples[(top + right) * channels + channel];
        const c = samples[(bottom + left) * channels + channel];
        const d = samples[(bottom + right) * channels + channel];
        const above = a + (b - a) * along;
        const below = c + (d - c) * along;
        out[at++] = above + (below - above) * down;
      }
    }
  }
  return out;
}
