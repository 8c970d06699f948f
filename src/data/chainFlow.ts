// Flow over several frames, and what is hidden on the way, from flow between neighbours.
import { MAX_FLOW_SIDE, UNKNOWN_FLOW } from '../media/flowValues.js';
import type { LabelMap, OpticalFlow } from '../media/image.js';
import type { KnownFlow } from './resample.js';

/**
 * The flow over several steps: each step's vector is read bilinearly where the point has come to. Points that leave the
 * frame or meet unknown flow on their way are unknown; those hidden (255 in `masks`, of the same steps) once are hidden.
 */
export function chainFlow(flows: readonly OpticalFlow[], masks: readonly LabelMap[] = []): KnownFlow {
  const { width, height } = flows[0];
  const hidden = masks.length > 0 ? { width, height, data: Uint8Array.from(masks[0].data) } : undefined;
  if (flows.length === 1) return { flow: flows[0], hidden };
  const out = Float32Array.from(flows[0].data);
  const last = 2 * width;
  for (let step = 1; step < flows.length; step++) {
    const { data } = flows[step];
    const mask = masks.length > 0 ? masks[step].data : undefined;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pixel = y * width + x;
        const u = out[2 * pixel];
        const v = out[2 * pixel + 1];
        const toX = x + u;
        const toY = y + v;
        if (!(toX >= -0.5 && toY >= -0.5 && toX < width - 0.5 && toY < height - 0.5)) {
          out[2 * pixel] = out[2 * pixel + 1] = UNKNOWN_FLOW;
          continue;
        }
        const sx = Math.min(width - 1, Math.max(0, toX));
        const sy = Math.min(height - 1, Math.max(0, toY));
        if (hidden && mask && mask[Math.round(sy) * width + Math.round(sx)] !== 0) hidden.data[pixel] = 255;
        const left = Math.floor(sx);
        const top = Math.floor(sy);
        const fx = sx - left;
        const fy = sy - top;
        const a = 2 * (top * width + left);
        const b = left + 1 < width ? a + 2 : a;
        const down = top + 1 < height ? last : 0;
        const addedU =
          (1 - fy) * ((1 - fx) * data[a] + fx * data[b]) + fy * ((1 - fx) * data[a + down] + fx * data[b + down]);
        const addedV =
          (1 - fy) * ((1 - fx) * data[a + 1] + fx * data[b + 1]) +
          fy * ((1 - fx) * data[a + down + 1] + fx * data[b + down + 1]);
        // One unknown corner makes the mean too large to be flow of any frame, unless its weight is next to nothing.
        const known = Math.abs(addedU) < MAX_FLOW_SIDE && Math.abs(addedV) < MAX_FLOW_SIDE;
        out[2 * pixel] = known ? u + addedU : UNKNOWN_FLOW;
        out[2 * pixel + 1] = known ? v + addedV : UNKNOWN_FLOW;
      }
    }
  }
  return { flow: { width, height, data: out }, hidden };
}
