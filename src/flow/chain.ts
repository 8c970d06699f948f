// Flow over several frames, from flow between neighbours.
import { SteadysegError } from '../base/errors.js';
import { isUnknownFlow, UNKNOWN_FLOW } from '../media/flowValues.js';
import type { OpticalFlow } from '../media/image.js';

/**
 * The flow from frame a to frame c on the pixels of a: `first` from a to b, then `second` from b to c, sampled bilinearly where
 * `first` arrives. A point that leaves the frame on the way, or meets unknown flow, is unknown (`UNKNOWN_FLOW`).
 * @throws SteadysegError when the sizes differ
 */
export function chainFlow(first: OpticalFlow, second: OpticalFlow): OpticalFlow {
  const { width, height, data: toB } = first;
  const { data: toC } = second;
  if (second.width !== width || second.height !== height) {
    throw new SteadysegError(
      `flow to chain: expected ${width}×${height} as the first, found ${second.width}×${second.height}`,
    );
  }
  const chained = new Float32Array(toB.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 2) {
      const atX = x + toB[at];
      const atY = y + toB[at + 1];
      // Written so that NaN, too, is outside.
      const inside = atX >= 0 && atX <= width - 1 && atY >= 0 && atY <= height - 1;
      const left = inside ? Math.floor(atX) : 0;
      const top = inside ? Math.floor(atY) : 0;
      const alongX = atX - left;
      const alongY = atY - top;
      const a = 2 * (top * width + left);
      const b = alongX > 0 ? a + 2 : a;
      const c = alongY > 0 ? a + 2 * width : a;
      const d = c + b - a;
      if (!inside || isUnknown(toC, a) || isUnknown(toC, b) || isUnknown(toC, c) || isUnknown(toC, d)) {
        chained[at] = UNKNOWN_FLOW;
        chained[at + 1] = UNKNOWN_FLOW;
        continue;
      }
      const aboveU = toC[a] + alongX * (toC[b] - toC[a]);
      const aboveV = toC[a + 1] + alongX * (toC[b + 1] - toC[a + 1]);
      const belowU = toC[c] + alongX * (toC[d] - toC[c]);
      const belowV = toC[c + 1] + alongX * (toC[d + 1] - toC[c + 1]);
      chained[at] = toB[at] + aboveU + alongY * (belowU - aboveU);
      chained[at + 1] = toB[at + 1] + aboveV + alongY * (belowV - aboveV);
    }
  }
  return { width, height, data: chained };
}

function isUnknown(flow: Float32Array, at: number): boolean {
  return isUnknownFlow(flow[at], flow[at + 1]);
}
