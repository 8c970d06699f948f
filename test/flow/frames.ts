// Synthetic frames for the flow tests: a smooth random texture, moved.
import { type FlowFrame, flowFrame } from '#src/flow/source.js';
import type { OpticalFlow, RgbImage } from '#src/media/image.js';

/** A picture of low frequencies in which everything lies (dx, dy) pixels further right and down than without. */
export function texture(width: number, height: number, dx = 0, dy = 0): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [a, b] = [x - dx, y - dy];
      const at = (y * width + x) * 3;
      data[at] = 128 + 60 * Math.sin(a / 5 + Math.sin(b / 9)) + 50 * Math.cos(b / 4 - a / 17);
      data[at + 1] = 128 + 60 * Math.sin(b / 6 + a / 23) + 50 * Math.cos(a / 7 + 1);
      data[at + 2] = 128 + 100 * Math.sin((a + b) / 8) * Math.cos((a - 2 * b) / 13);
    }
  }
  return { width, height, data };
}

export function frameOf(stem: string, image: RgbImage): FlowFrame {
  return flowFrame(stem, async () => image);
}

/** Mean end-point error over the pixels at least `margin` from the edge. */
export function endPointError(flow: OpticalFlow, expected: (pixel: number) => [number, number], margin = 0): number {
  const { width, height, data } = flow;
  let sum = 0;
  let count = 0;
  for (let y = margin; y < height - margin; y++) {
    for (let x = margin; x < width - margin; x++) {
      const pixel = y * width + x;
      const [u, v] = expected(pixel);
      sum += Math.hypot(data[pixel * 2] - u, data[pixel * 2 + 1] - v);
      count++;
    }
  }
  return sum / count;
}
