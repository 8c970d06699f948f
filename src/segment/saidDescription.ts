// What was said of a network by others than its file: it goes into the metadata of a file that is made of it, which then runs by itself.
import type { ClassSet } from '../media/classes.js';
import type { ModelDescription } from '../onnx/metadata.js';
import type { DescribeOptions, FoundNetwork, NetworkDescription } from './network.js';
import { describePreprocessing } from './preprocessing.js';

/** Classes in the form of metadata. */
export function describeClasses({
  classes,
  palette,
  ignoreLabel,
}: ClassSet): Required<Pick<ModelDescription, 'classes' | 'palette' | 'ignoreLabel'>> {
  return {
    classes: [...classes],
    palette: palette.map(([red, green, blue]): [number, number, number] => [red, green, blue]),
    ignoreLabel,
  };
}

/**
 * The file's metadata with what the caller or a file beside it says of pixels and classes; what was guessed is not in it.
 * Undefined where that is no more than the file says itself.
 */
export function saidDescription(
  { metadata, config, labels }: FoundNetwork,
  { input, preprocessing, classes }: NetworkDescription,
  options: DescribeOptions,
): ModelDescription | undefined {
  const inFile = metadata.mean !== undefined || metadata.std !== undefined;
  const byCaller = [options.mean, options.std, options.scale].some((value) => value !== undefined);
  const beside = !inFile && config.origin !== undefined && input.dtype !== 'uint8';
  // Numbers of the metadata are in the order of the channels, so that another order rewrites them.
  const normalised = byCaller || beside || (inFile && options.channelOrder !== undefined);
  const named = options.classes !== undefined || (!metadata.classes && labels?.origin === classes.name);
  const said: ModelDescription = {
    ...metadata,
    ...(options.channelOrder && { channelOrder: options.channelOrder }),
    ...(normalised && describePreprocessing(preprocessing)),
    ...(named && describeClasses(classes)),
  };
  return JSON.stringify(said) === JSON.stringify(metadata) ? undefined : said;
}
