// The first node of every network in training: from pixels to its own normalisation.
import { constant, type Value } from '../onnx/graph.js';
import { cast, div, gather, sub } from '../onnx/ops.js';
import type { Channels, Preprocessing } from '../segment/preprocessing.js';
import { tensor } from '../tensor/tensor.js';

/** `(pixel - mean) / std` of RGB pixels 0..255, N×3×H×W of any element type, in the network's order of channels. */
export function normalize(pixels: Value, { mean, std, channelOrder }: Preprocessing): Value {
  const { graph } = pixels;
  const perChannel = (values: Channels) => constant(graph, tensor('float32', [1, 3, 1, 1], Float32Array.from(values)));
  let frames = cast(pixels, 'float32');
  if (mean.some((value) => value !== 0)) frames = sub(frames, perChannel(mean));
  if (std.some((value) => value !== 1)) frames = div(frames, perChannel(std));
  if (channelOrder === 'rgb') return frames;
  return gather(frames, constant(graph, tensor('int32', [3], Int32Array.of(2, 1, 0))), 1);
}

/** Whether two normalisations are the same. */
export function sameNormalization(a: Preprocessing, b: Preprocessing): boolean {
  return [...a.mean, ...a.std, a.channelOrder].join() === [...b.mean, ...b.std, b.channelOrder].join();
}
