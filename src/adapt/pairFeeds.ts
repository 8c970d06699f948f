// What an adaptation step is fed: a pair of neighbouring frames of the clip, perhaps mirrored.
import { type Tensor, tensor } from '../tensor/tensor.js';
import { readFlow } from './clipConsensus.js';
import type { PreparedClip } from './clipFiles.js';

/** Frames t and t+1, the flow from t, where it holds, and the targets of both with their weights; mirrored when asked to. */
export async function pairFeeds(clip: PreparedClip, t: number, mirrored: boolean): Promise<Record<string, Tensor>> {
  const { files, height, width, classes } = clip;
  const [image, neighbour, targets, nextTargets, weights, nextWeights, flow, hidden] = await Promise.all([
    files.frames.read(t),
    files.frames.read(t + 1),
    files.targets.read(t),
    files.targets.read(t + 1),
    files.pixelWeights.read(t),
    files.pixelWeights.read(t + 1),
    readFlow(files.forward, t, clip),
    files.hidden.read(t),
  ]);
  const pixels = height * width;
  const planes = new Float32Array(2 * pixels);
  const valid = new Float32Array(pixels);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const from = mirrored ? i + width - 1 - 2 * x : i;
      planes[i] = mirrored ? -flow.data[2 * from] : flow.data[2 * from];
      planes[pixels + i] = flow.data[2 * from + 1];
      valid[i] = hidden[from] === 0 ? 1 : 0;
    }
  }
  const rows = (bytes: Uint8Array, unit: number) => (mirrored ? mirroredRows(bytes, width, unit) : bytes);
  return {
    image: tensor('uint8', [1, 3, height, width], rows(image, 1)),
    neighbour: tensor('uint8', [1, 3, height, width], rows(neighbour, 1)),
    'targets.frame': tensor('uint8', [1, height, width, classes], rows(targets, classes)),
    'targets.neighbour': tensor('uint8', [1, height, width, classes], rows(nextTargets, classes)),
    'pixelWeights.frame': tensor('uint8', [1, height, width], rows(weights, 1)),
    'pixelWeights.neighbour': tensor('uint8', [1, height, width], rows(nextWeights, 1)),
    flow: tensor('float32', [1, 2, height, width], planes),
    flowValid: tensor('float32', [1, 1, height, width], valid),
  };
}

/** Rows of `width` units with left and right exchanged. */
function mirroredRows(bytes: Uint8Array, width: number, unit: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  const row = width * unit;
  for (let start = 0; start < bytes.length; start += row) {
    for (let x = 0; x < width; x++) {
      const from = start + (width - 1 - x) * unit;
      for (let k = 0; k < unit; k++) out[start + x * unit + k] = bytes[from + k];
    }
  }
  return out;
}
