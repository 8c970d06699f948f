// Model files: reading and writing them on disk.
import { SteadysegError } from '../base/errors.js';
import { exists, readFileBounded, writeFileWhole } from '../base/files.js';
import { externalFilesOf } from './externalFiles.js';
import type { Model } from './model.js';
import { readModel } from './read.js';
import { writeModel } from './write.js';

/** Protobuf's own limit: lengths are 31 bits. */
export const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** What weights alone are called. */
const weightsName = /\.(pth|pt|pth\.tar|ckpt|safetensors|bin)$/i;

/**
 * Reads a model file of at most 2 GiB, and what it keeps in other files of its folder.
 * @throws SteadysegError naming the file when it cannot be read or is no ONNX model.
 */
export async function readModelFile(path: string): Promise<Model> {
  return (await openModelFile(path)).model;
}

/** A model and what sessions are made of: its path, or one piece of bytes where it was in several files. */
export interface OpenedModel {
  readonly model: Model;
  readonly content: string | Uint8Array;
}

/** Reads a model file as `readModelFile` does, for running it. The engine is never left to find files by itself. */
export async function openModelFile(path: string): Promise<OpenedModel> {
  if (weightsName.test(path) && (await exists(path))) {
    throw new SteadysegError(
      `${path}: expected an ONNX model, found a file of weights: convert it first, steadyseg convert ${path} model.onnx --arch NAME --size HxW; networks that convert does not know are exported in PyTorch (torch.onnx.export)`,
    );
  }
  const readExternal = externalFilesOf(path);
  let inOne = true;
  const model = readModel(await readFileBounded(path, MAX_MODEL_BYTES), path, (place, label) => {
    inOne = false;
    return readExternal(place, label);
  });
  if (inOne) return { model, content: path };
  const bytes = [...model.graph.initializers.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > MAX_MODEL_BYTES) {
    throw new SteadysegError(`${path}: expected at most ${MAX_MODEL_BYTES} bytes of weights, found ${bytes}`);
  }
  return { model, content: writeModel(model) };
}

/** Writes a model file, whole or not at all. */
export async function writeModelFile(path: string, model: Model): Promise<void> {
  await writeFileWhole(path, writeModel(model));
}
