// What the file of a network in integers says of itself: all that was known of the float one, so that it runs by itself.
import { describeModel, type ModelDescription } from '../onnx/metadata.js';
import type { Model } from '../onnx/model.js';
import type { FoundNetwork, NetworkDescription } from '../segment/network.js';
import { describePreprocessing } from '../segment/preprocessing.js';
import type { WeightBits } from './weights.js';

/**
 * The same model with normalisation and classes in its metadata, wherever they were said, and without what can be built anew from float weights.
 * @param weightBits of a model in integers; the float one it is compared with has none.
 */
export function withDescription(
  model: Model,
  { metadata, labels }: FoundNetwork,
  { preprocessing, classes, classCount }: NetworkDescription,
  weightBits?: WeightBits,
): Model {
  const { architecture: _, widthMultiplier: _factor, ...kept } = metadata;
  const isNamed = metadata.classes || labels || classes.classes.length === classCount;
  const description: ModelDescription = {
    ...(isNamed && {
      classes: [...classes.classes],
      palette: classes.palette.map(([red, green, blue]): [number, number, number] => [red, green, blue]),
      ignoreLabel: classes.ignoreLabel,
    }),
    ...kept,
    ...describePreprocessing(preprocessing),
    ...(weightBits && { weightBits }),
  };
  return { ...model, metadata: new Map([...model.metadata, describeModel(description)]) };
}
