// How pixels become a network's input, and what the caller and the model's metadata say about it.
import { SteadysegError } from '../base/errors.js';
import { imageNetMean, imageNetStd } from '../nets/normalization.js';
import type { ModelDescription } from '../onnx/metadata.js';

/** Three numbers, one a channel. */
export type Channels = readonly [number, number, number];

/** The input is `(pixel - mean) / std` with pixels 0..255; mean and std are those of red, green and blue. */
export interface Preprocessing {
  readonly mean: Channels;
  readonly std: Channels;
  /** Which colour is the input's first channel. */
  readonly channelOrder: 'rgb' | 'bgr';
}

/** What a caller may say about it: the input is `(pixel·scale - mean) / std`. */
export interface PreprocessingOptions {
  /** Of red, green and blue, whatever the order of the input's channels. */
  readonly mean?: Channels | undefined;
  /** Likewise. */
  readonly std?: Channels | undefined;
  /**
   * Factor on the pixels before mean and std. Default: 1/255 where mean and std are at most 1, as those of PyTorch examples
   * are, else 1.
   */
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
  /** Where it is said; undefined when nothing says it and the default stands. */
  readonly origin: string | undefined;
  readonly size?: { readonly height: number; readonly width: number } | undefined;
  /** A free size has to be a multiple of this, where that place says so. */
  readonly sizeMultiple?: number | undefined;
  /** What was guessed, a line each. */
  readonly notes: readonly string[];
}

/** What holds when neither caller nor model nor a file beside it says anything. */
export function unsaidPreprocessing({ channelOrder = 'rgb' }: ModelDescription): PreprocessingConfig {
  return { preprocessing: { ...defaultPreprocessing, channelOrder }, origin: undefined, notes: [] };
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
  const said = inPixels({ mean, std, scale }, 'normalisation');
  return { ...found, preprocessing: { ...said.normalisation, channelOrder }, origin: 'the options', notes: said.notes };
}

/**
 * What a model's metadata says, which has mean and std in the order of the input's channels; undefined when it says no normalisation.
 * @param inPixelUnits whether its numbers are of pixels 0..255, as the entry `steadyseg` has them; of other entries it is guessed.
 */
export function describedPreprocessing(
  { mean, std, channelOrder = 'rgb' }: ModelDescription,
  source: string,
  inPixelUnits: boolean,
): PreprocessingConfig | undefined {
  if (!mean && !std) return undefined;
  const colours = (values: readonly number[] | undefined): Channels | undefined => {
    if (!values) return undefined;
    const [first, second, third] = values;
    return channelOrder === 'bgr' ? [third, second, first] : [first, second, third];
  };
  const scale = inPixelUnits ? 1 : undefined;
  const place = `${source}: its metadata`;
  const { normalisation, notes } = inPixels({ mean: colours(mean), std: colours(std), scale }, place);
  if (inPixelUnits && areShares(normalisation.mean, normalisation.std)) {
    notes.push(`${place}: mean ${normalisation.mean.join()} and std ${normalisation.std.join()} are of pixels 0..255`);
  }
  return { preprocessing: { ...normalisation, channelOrder }, origin: 'its metadata', notes };
}

/** The same in the form of metadata, which has mean and std in the order of the input's channels. */
export function describePreprocessing({
  mean,
  std,
  channelOrder,
}: Preprocessing): Required<Pick<ModelDescription, 'mean' | 'std' | 'channelOrder'>> {
  const ordered = ([red, green, blue]: Channels): [number, number, number] =>
    channelOrder === 'bgr' ? [blue, green, red] : [red, green, blue];
  return { mean: ordered(mean), std: ordered(std), channelOrder };
}

/**
 * `(pixel·scale - mean) / std` written as `(pixel - mean') / std'`; a mean that is not said is 0, a std 1.
 * @param source where the numbers come from, for messages.
 * @throws SteadysegError for numbers that make no finite input of a pixel: labels would be silently wrong.
 */
export function inPixels(
  said: Pick<PreprocessingOptions, 'mean' | 'std' | 'scale'>,
  source: string,
): { normalisation: { mean: Channels; std: Channels }; notes: string[] } {
  const { mean = [0, 0, 0], std = [1, 1, 1] } = said;
  const shares = said.scale === undefined && areShares(mean, std);
  const scale = said.scale ?? (shares ? 1 / 255 : 1);
  const change = (value: number) => value / scale;
  const normalisation = { mean: perChannel(mean, change), std: perChannel(std, change) };
  const finite = [...normalisation.mean, ...normalisation.std].every(Number.isFinite);
  if (!(finite && scale > 0 && normalisation.std.every((value) => value > 0))) {
    throw new SteadysegError(
      `${source}: expected finite numbers, of std and scale above 0, found mean ${mean.join()}, std ${std.join()}, scale ${scale}`,
    );
  }
  const notes = shares ? [`${source}: mean ${mean.join()} and std ${std.join()} are taken for pixels 0..1`] : [];
  return { normalisation, notes };
}

/** Whether mean and std are those of pixels 0..1: nobody takes less than one of 255 steps away. Mean 0 and std 1 change nothing and stay so. */
function areShares(mean: Channels, std: Channels): boolean {
  const small = [...mean, ...std].every((value) => Math.abs(value) <= 1);
  return small && (mean.some((value) => value !== 0) || std.some((value) => value !== 1));
}

function perChannel(values: Channels, change: (value: number) => number): Channels {
  return [change(values[0]), change(values[1]), change(values[2])];
}
