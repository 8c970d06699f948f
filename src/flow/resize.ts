// Bilinear resizing of interleaved samples (colours, flow vectors) with half-pixel centres.
import type { OpticalFlow, Size } from '../media/image.js';
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
  // A line at the new row's height, at the old width.
  const line = new Float64Array(width * channels);
  let at = 0;
  for (let y = 0; y < newHeight; y++) {
    const top = rows.low[y] * line.length;
    const bottom = rows.high[y] * line.length;
    const down = rows.highWeight[y];
    for (let i = 0; i < line.length; i++) line[i] = samples[top + i] + (samples[bottom + i] - samples[top + i]) * down;
    for (let x = 0; x < newWidth; x++) {
      const left = columns.low[x] * channels;
      const right = columns.high[x] * channels;
      const along = columns.highWeight[x];
      for (let channel = 0; channel < channels; channel++) {
        const first = line[left + channel];
        out[at++] = first + (line[right + channel] - first) * along;
      }
    }
  }
  return out;
}

/** Flow between frames that are resized so: at the new size, its vectors in pixels of that. */
export function resizeFlow(flow: OpticalFlow, { height, width }: Size): OpticalFlow {
  if (flow.height === height && flow.width === width) return flow;
  const data = resizeInterleaved(flow.data, flow.width, flow.height, 2, width, height);
  const [alongX, alongY] = [width / flow.width, height / flow.height];
  for (let i = 0; i < data.length; i += 2) {
    data[i] *= alongX;
    data[i + 1] *= alongY;
  }
  return { height, width, data };
}
