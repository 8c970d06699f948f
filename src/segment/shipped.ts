// The networks that come with the package: where their files are.
import { fileURLToPath } from 'node:url';
import { SteadysegError } from '../base/errors.js';
import { exists } from '../base/files.js';

/** What ships in `models/`, each with a card of the same name that says how it was made. */
export const shippedModels = {
  'camvid-plain': 'real streets, the 11 classes of CamVid, trained on each frame alone',
  'camvid-steady': 'real streets, the 11 classes of CamVid, trained with the motion loss and pseudo labels',
  'toycity-plain': 'the toy city, trained on each frame alone',
  'toycity-steady': 'the toy city, trained with motion and distillation',
} as const;
/** The name of a network that comes with the package. */
export type ShippedModel = keyof typeof shippedModels;

/** The network `predict` takes when none is given. */
export const defaultModel: ShippedModel = 'camvid-steady';

/**
 * The path of a network that comes with the package.
 * @throws SteadysegError when the file is not there, as in a checkout without it.
 */
export async function shippedModelPath(name: ShippedModel): Promise<string> {
  const path = fileURLToPath(new URL(`../../models/${name}.onnx`, import.meta.url));
  if (await exists(path)) return path;
  throw new SteadysegError(
    `${path}: expected the network that comes with steadyseg (${shippedModels[name]}), found none: install the package again, or name a network of your own with --model`,
  );
}
