// Bilinear resizing of interleaved samples (colours, flow vectors) with half-pixel centres.

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
  const columns = axis(width, newWidth);
  const rows = axis(height, newHeight);
  const out = new Float32Array(newWidth * newHeight * channels);
  let at = 0;
  for (let y = 0; y < newHeight; y++) {
    const top = rows.low[y] * width;
    const bottom = rows.high[y] * width;
    const down = rows.fraction[y];
    for (let x = 0; x < newWidth; x++) {
      const left = columns.low[x];
      const right = columns.high[x];
      const along = columns.fraction[x];
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

function axis(from: number, to: number): { low: Int32Array; high: Int32Array; fraction: Float64Array } {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const fraction = new Float64Array(to);
  for (let i = 0; i < to; i++) {
    const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    low[i] = Math.floor(place);
    high[i] = Math.min(from - 1, low[i] + 1);
    fraction[i] = place - low[i];
  }
  return { low, high, fraction };
}
