// How pixels become a network's input, and what the caller and the model's metadata say about it.
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
  mean: perChannel(imageNetMean, (value) => value * 255),
  std: perChannel(imageNetStd, (value) => value * 255),
  channelOrder: 'rgb',
};

/** Preprocessing, and the input size when the place that was asked says one. */
export interface PreprocessingConfig {
  readonly preprocessing: Preprocessing;
  readonly size?: { readonly height: number; readonly width: number } | undefined;
}

/** What the caller says, else what was found in the model or beside it. */
export function applyPreprocessing(found: PreprocessingConfig, options: PreprocessingOptions): PreprocessingConfig {
  const { mean, std, scale, channelOrder = found.preprocessing.channelOrder } = options;
  if (mean === undefined && std === undefined && scale === undefined) {
    return { ...found, preprocessing: { ...found.preprocessing, channelOrder } };
  }
  return { ...found, preprocessing: { ...inPixels(mean ?? [0, 0, 0], std ?? [1, 1, 1], scale ?? 1), channelOrder } };
}

/** What a model's metadata says; undefined when it says no normalisation. */
export function describedPreprocessing({
  mean,
  std,
  channelOrder = 'rgb',
}: ModelDescription): Preprocessing | undefined {
  return mean && std ? { mean, std: [std[0], std[1], std[2]], channelOrder } : undefined;
}

/** `(pixel·scale - mean) / std` written as `(pixel - mean') / std'`. */
export function inPixels(mean: Channels, std: Channels, scale: number): { mean: Channels; std: Channels } {
  return { mean: perChannel(mean, (value) => value / scale), std: perChannel(std, (value) => value / scale) };
}

function perChannel(values: Channels, change: (value: number) => number): Channels {
  return [change(values[0]), change(values[1]), change(values[2])];
}
