// How pixels become a network's input, and where that is said: by the caller, in the model's metadata, in a file beside the model.
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { messageOf, SteadysegError } from '../base/errors.js';
import { exists, readFileBounded } from '../base/files.js';
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

/** A configuration is a page of JSON; anything larger is another file. */
const MAX_CONFIG_BYTES = 1 << 20;
const configName = 'preprocessor_config.json';

const channels = v.union([v.number(), v.tuple([v.number(), v.number(), v.number()])]);
const size = v.union([v.number(), v.looseObject({ height: v.optional(v.number()), width: v.optional(v.number()) })]);
/** The fields of Hugging Face's image processors that say how pixels are scaled; null stands for absent there. */
const configSchema = v.looseObject({
  do_rescale: v.nullish(v.boolean(), true),
  rescale_factor: v.nullish(v.number(), 1 / 255),
  do_normalize: v.nullish(v.boolean(), true),
  image_mean: v.nullish(channels, [...imageNetMean]),
  image_std: v.nullish(channels, [...imageNetStd]),
  do_flip_channel_order: v.nullish(v.boolean(), false),
  do_resize: v.nullish(v.boolean(), true),
  size: v.nullish(size),
});

/** Preprocessing, and the input size when the place that was asked says one. */
export interface PreprocessingConfig {
  readonly preprocessing: Preprocessing;
  readonly size?: { readonly height: number; readonly width: number } | undefined;
}

/**
 * The preprocessing of a model: what the caller says, else its metadata, else `preprocessor_config.json` beside it
 * (the form of Hugging Face), else SPEC's default.
 */
export async function choosePreprocessing(
  path: string | undefined,
  description: ModelDescription,
  options: PreprocessingOptions,
): Promise<PreprocessingConfig> {
  const found = await findPreprocessing(path, description);
  const { mean, std, scale, channelOrder = found.preprocessing.channelOrder } = options;
  if (mean === undefined && std === undefined && scale === undefined) {
    return { ...found, preprocessing: { ...found.preprocessing, channelOrder } };
  }
  return { ...found, preprocessing: { ...inPixels(mean ?? [0, 0, 0], std ?? [1, 1, 1], scale ?? 1), channelOrder } };
}

async function findPreprocessing(
  path: string | undefined,
  description: ModelDescription,
): Promise<PreprocessingConfig> {
  const { mean, std, channelOrder = 'rgb' } = description;
  if (mean && std) return { preprocessing: { mean, std: [std[0], std[1], std[2]], channelOrder } };
  const beside = path === undefined ? undefined : join(dirname(path), configName);
  if (beside !== undefined && (await exists(beside))) return readPreprocessorConfig(beside);
  return { preprocessing: { ...defaultPreprocessing, channelOrder } };
}

/** Reads a `preprocessor_config.json`. @throws SteadysegError naming the file and field that is not understood. */
export async function readPreprocessorConfig(path: string): Promise<PreprocessingConfig> {
  let content: unknown;
  const bytes = await readFileBounded(path, MAX_CONFIG_BYTES);
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch (thrown) {
    throw new SteadysegError(`${path}: expected JSON: ${messageOf(thrown)}`, { cause: thrown });
  }
  const result = v.safeParse(configSchema, content);
  if (!result.success) {
    const [issue] = result.issues;
    throw new SteadysegError(`${path}: "${v.getDotPath(issue) ?? ''}": ${issue.message}`);
  }
  const config = result.output;
  const normalise = config.do_normalize;
  const { mean, std } = inPixels(
    normalise ? eachChannel(config.image_mean) : [0, 0, 0],
    normalise ? eachChannel(config.image_std) : [1, 1, 1],
    config.do_rescale ? config.rescale_factor : 1,
  );
  const { height, width } = typeof config.size === 'object' ? { ...config.size } : {};
  return {
    preprocessing: { mean, std, channelOrder: config.do_flip_channel_order ? 'bgr' : 'rgb' },
    ...(config.do_resize && height && width && { size: { height, width } }),
  };
}

/** `(pixel·scale - mean) / std` written as `(pixel - mean') / std'`. */
function inPixels(mean: Channels, std: Channels, scale: number): { mean: Channels; std: Channels } {
  return { mean: perChannel(mean, (value) => value / scale), std: perChannel(std, (value) => value / scale) };
}

function perChannel(values: Channels, change: (value: number) => number): Channels {
  return [change(values[0]), change(values[1]), change(values[2])];
}

function eachChannel(value: number | [number, number, number]): Channels {
  return typeof value === 'number' ? [value, value, value] : value;
}
