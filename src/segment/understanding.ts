// How a network is understood, carried over to another file of the same graph: options and files beside the first say nothing of it.
import { SteadysegError } from '../base/errors.js';
import { describeNetwork } from './describeNetwork.js';
import type { DescribeOptions, FoundNetwork, NetworkDescription } from './network.js';

/** Options by which a file of the same graph is understood in the same way, whatever lies beside it. */
export function optionsOf(description: NetworkDescription): DescribeOptions {
  const { input, preprocessing, height, width, sizeMultiple, output, classes } = description;
  return {
    ...{ classes, sizeMultiple, output: output.name, scores: output.kind },
    // Bytes are normalised by the network itself.
    ...(input.dtype === 'uint8' ? { channelOrder: preprocessing.channelOrder } : { ...preprocessing, scale: 1 }),
    ...(output.background && { threshold: output.background.threshold }),
    ...(height !== undefined && width !== undefined && { size: { height, width } }),
  };
}

/** What decides the labels of a network besides its weights. */
const decisive: Readonly<Record<string, (description: NetworkDescription) => unknown>> = {
  normalisation: ({ preprocessing }) => preprocessing,
  'input size': ({ height, width, sizeMultiple }) =>
    height === undefined || width === undefined ? [height, width, sizeMultiple] : [height, width],
  output: ({ output }) => output,
  enlargement: ({ enlargement }) => enlargement,
};

/** What of a file is taken in another way than wanted where nothing but the file, and what lies beside it, says how; names of classes do not count. */
export function understoodOtherwise(found: FoundNetwork, wanted: NetworkDescription): string[] {
  let alone: NetworkDescription;
  try {
    alone = describeNetwork(found);
  } catch (thrown) {
    if (thrown instanceof SteadysegError) return ['output'];
    throw thrown;
  }
  return Object.entries(decisive).flatMap(([name, part]) =>
    written(part(alone)) === written(part(wanted)) ? [] : [name],
  );
}

/** As JSON, numbers to six digits: the same mean, said in shares of 255 or in pixels, differs in its last bit. */
function written(part: unknown): string {
  return JSON.stringify(part, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value)) ?? '';
}
