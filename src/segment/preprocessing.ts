// How pixels become a network's input, and what the caller and the model's metadata say about it.
import { SteadysegError } from '../base/errors.js';
import { imageNetMean, imageNetStd } from '../nets/normalization.js';
import type { ModelDescription } from '../onnx/metadata.js';

/** Three numbers, one a channel. */
export type Channels = readonly [number, number, number];

/** The input is `(pixel - mean) / std` with pixels 0..255; mean and std are in the order of the input's channels. */
export interface Preprocessing {
  readonly mean: Channels;
  readonly std: Channels;
  readonly channelOrder: 'rgb' | 'bgr';
}

/** What a caller may say about it: the input is `(pixel·scale - mean) / std`. */
export interface PreprocessingOptions {
  readonly mean?: Channels | undefined;
  readonly std?: Channels | undefined;
  /** Factor on the pixels before mean and std; default 1. With 1/255, mean and std are those of PyTorch examples. */
  readonly scale?: number | undefined;
  readonly channelOrder?: 'rgb' | 'bgr' | undefined;
}

/** SPEC §0: RGB, normalised by ImageNet's mean and deviation. */
export const defaultPreprocessing: Preprocessing = {
  mean: imageNetMean,
  std: imageNetStd,
  channelOrder: 'rgb',
};

/** Preprocessing, and the input size when the place that was asked says one. */
export interface PreprocessingConfig {
  readonly preprocessing: Preprocessing;
  readonly size?: { readonly height: number; readonly width: number } | undefined;
}

/**
 * What the caller says, else what was found in the model or beside it.
 * @throws SteadysegError for options that are no normalisation.
 */
export function applyPreprocessing(found: PreprocessingConfig, options: PreprocessingOptions): PreprocessingConfig {
  const { mean, std, scale, channelOrder = found.preprocessing.channelOrder } = options;
  if (mean === undefined && std === undefined && scale === undefined) {
    return { ...found, preprocessing: { ...found.preprocessing, channelOrder } };
  }
  const normalisation = inPixels(mean ?? [0, 0, 0], std ?? [1, 1, 1], scale ?? 1, 'normalisation');
  return { ...found, preprocessing: { ...normalisation, channelOrder } };
}

/** What a model's metadata says; undefined when it says no normalisation. */
export function describedPreprocessing({
  mean,
  std,
  channelOrder = 'rgb',
}: ModelDescription): Preprocessing | undefined {
  return mean && std ? { mean, std: [std[0], std[1], std[2]], channelOrder } : undefined;
}

/**
 * `(pixel·scale - mean) / std` written as `(pixel - mean') / std'`.
 * @param source where the numbers come from, for messages.
 * @throws SteadysegError for numbers that make no finite input of a pixel: labels would be silently wrong.
 */
export function inPixels(
  mean: Channels,
  std: Channels,
  scale: number,
  source: string,
): { mean: Channels; std: Channels } {
  const change = (value: number) => value / scale;
  const result = { mean: perChannel(mean, change), std: perChannel(std, change) };
  const finite = [...result.mean, ...result.std].every(Number.isFinite);
  if (finite && scale > 0 && result.std.every((value) => value > 0)) return result;
  throw new SteadysegError(
    `${source}: expected finite numbers, of std and scale above 0, found mean ${mean.join()}, std ${std.join()}, scale ${scale}`,
  );
}

function perChannel(values: Channels, change: (value: number) => number): Channels {
  return [change(values[0]), change(values[1]), change(values[2])];
}
