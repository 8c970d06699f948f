// Model files: reading and writing them on disk.
import { SteadysegError } from '../base/errors.js';
import { exists, readFileBounded, writeFileWhole } from '../base/files.js';
import type { Model } from './model.js';
import { readModel } from './read.js';
import { writeModel } from './write.js';

/** Protobuf's own limit: lengths are 31 bits. */
export const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** What weights alone are called. */
const weightsName = /\.(pth|pt|pth\.tar|ckpt|safetensors|bin)$/i;

/** Reads a model file of at most 2 GiB. @throws SteadysegError naming the file when it cannot be read or is no ONNX model. */
export async function readModelFile(path: string): Promise<Model> {
  if (weightsName.test(path) && (await exists(path))) {
    throw new SteadysegError(
      `${path}: expected an ONNX model, found a file of weights: convert it first, steadyseg convert ${path} model.onnx --arch NAME --size HxW; networks that convert does not know are exported in PyTorch (torch.onnx.export)`,
    );
  }
  return readModel(await readFileBounded(path, MAX_MODEL_BYTES), path);
}

/** Writes a model file, whole or not at all. */
export async function writeModelFile(path: string, model: Model): Promise<void> {
  await writeFileWhole(path, writeModel(model));
}
