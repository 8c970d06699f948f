// Models whose weights are stored smaller than they compute, in either form.
import { fromByteStorage, toByteStorage } from './byteStorage.js';
import { fromHalfStorage, toHalfStorage } from './halfStorage.js';
import type { Model } from './model.js';
import { constantsAsInitializers, withUnlistedInitializers } from './storedConstants.js';

/** How weights are stored: as they compute, as float16, or as int8 with a scale for each output channel. */
export type WeightStorage = 'float32' | 'float16' | 'int8';

/** The same model, of float32 weights, with them stored otherwise, those in `Constant` nodes too; it computes in float32. */
export function toStorage(model: Model, storage: WeightStorage): Model {
  if (storage === 'float32') return model;
  const stored = withUnlistedInitializers(constantsAsInitializers(model));
  return storage === 'int8' ? toByteStorage(stored) : toHalfStorage(stored);
}

/** The same model with all weights in float32, however they are stored. */
export function fromStorage(model: Model): Model {
  return fromHalfStorage(fromByteStorage(model));
}
