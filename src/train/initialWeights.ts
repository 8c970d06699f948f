// The weights a run starts from: those of another network, of a backbone, or none.
import { SteadysegError } from '../base/errors.js';
import { convLstmName } from '../losses/multiFrame.js';
import { isAuxiliary, weightsOfModel } from '../nets/networkWeights.js';
import { readModelFile } from '../onnx/modelFile.js';
import type { Tensor } from '../tensor/tensor.js';
import { loadBackbone } from '../weights/backbone.js';
import { readStateDict } from '../weights/openWeights.js';
import { loadStateDict } from '../weights/stateDict.js';
import type { TrainingConfig } from './config.js';
import type { TrainingStep } from './step.js';

/** Weights of the whole network, or of its backbone. @throws SteadysegError when they do not fit the network. */
export async function initialWeights({ network }: TrainingConfig, step: TrainingStep): Promise<Map<string, Tensor>> {
  const expected = new Map(
    [...step.graph.parameters]
      .filter(([name]) => !name.startsWith(`${convLstmName}.`))
      .map(([name, { value }]) => [name, { dtype: value.dtype, shape: value.shape }]),
  );
  if (network.weights) {
    const given = await givenWeights(network.weights);
    // Models made for use have no auxiliary head, which only training needs: it begins anew.
    const hasAuxiliary = [...given.keys()].some(isAuxiliary);
    const wanted = new Map([...expected].filter(([name]) => hasAuxiliary || !isAuxiliary(name)));
    return loadStateDict(wanted, given, network.weights);
  }
  if (!network.backbone) return new Map();
  const { tensors: given } = await readStateDict(network.backbone);
  const { tensors: found } = loadBackbone(expected, given);
  if (found.size > 0) return found;
  throw new SteadysegError(
    `${network.backbone}: expected a backbone of ${network.architecture}, found none of its weights`,
  );
}

/** Of a weights file, or of the `model.onnx` of another run. */
async function givenWeights(path: string): Promise<ReadonlyMap<string, Tensor>> {
  if (!path.toLowerCase().endsWith('.onnx')) return (await readStateDict(path)).tensors;
  const weights = weightsOfModel(await readModelFile(path), path);
  if (weights) return weights;
  throw new SteadysegError(`${path}: expected a model made by steadyseg, found one that names none of its networks`);
}
