// What a caller says of a network's pixels: it goes into the metadata of a file that is made of it, which then need not be told again.
import type { ModelDescription } from '../onnx/metadata.js';
import type { FoundNetwork } from './network.js';
import { describePreprocessing, type Preprocessing, type PreprocessingOptions } from './preprocessing.js';

/**
 * The file's metadata with what the options say of pixels; undefined where that is no more than the file says itself. Guesses stay
 * guesses, and where a file beside the network says how to prepare pixels, metadata that would go before it stays as it is: that
 * file may name a size, too.
 *
 * @param preprocessing what the options, and the file, came to.
 */
export function saidDescription(
  { metadata, config }: Pick<FoundNetwork, 'metadata' | 'config'>,
  preprocessing: Preprocessing,
  { mean, std, scale, channelOrder }: PreprocessingOptions,
): ModelDescription | undefined {
  const inFile = metadata.mean !== undefined || metadata.std !== undefined;
  const beside = !inFile && config.origin !== undefined;
  if (beside) return undefined;
  const byCaller = [mean, std, scale].some((value) => value !== undefined);
  // Numbers of the metadata are in the order of the channels, so that another order rewrites them.
  const normalised = byCaller || (inFile && channelOrder !== undefined);
  const said: ModelDescription = {
    ...metadata,
    ...(channelOrder && { channelOrder }),
    ...(normalised && describePreprocessing(preprocessing)),
  };
  return JSON.stringify(said) === JSON.stringify(metadata) ? undefined : said;
}
