// Opens a weights file of any kind by its content, and reads the network's state dict out of it.
import { SteadysegError } from '../base/errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { type ByteSource, openWith } from './byteSource.js';
import { cleanNames } from './cleanNames.js';
import { findStateDict } from './findStateDict.js';
import { checkpointFrom } from './pth.js';
import { safetensorsFrom } from './safetensors.js';
import type { WeightsFile } from './weightsFile.js';
import { looksLikeZip } from './zip.js';

/** How a weights file is opened. */
export interface WeightsOptions {
  /** Of a checkpoint: the key under which the state dict is, such as `state_dict_ema`. Default: a usual one. */
  readonly key?: string | undefined;
}

/**
 * Opens a `.safetensors`, `.pth`, `.pth.tar` or `.ckpt` by its content, whatever its name. Of a checkpoint, the tensors are those
 * of the state dict in it, under the names it has there.
 */
export async function openWeights(path: string, options: WeightsOptions = {}): Promise<WeightsFile> {
  return await openWith(path, (source) => weightsFrom(source, options));
}

/** The same for any source of bytes. */
export async function weightsFrom(source: ByteSource, { key }: WeightsOptions = {}): Promise<WeightsFile> {
  const head = await source.read(0, Math.min(source.size, 9));
  // A safetensors header starts with a brace after its length; a pickle with its protocol.
  if (head[8] === 0x7b) {
    if (key === undefined) return safetensorsFrom(source);
    throw new SteadysegError(`${source.name}: a key is for PyTorch checkpoints, found a .safetensors file`);
  }
  if (!looksLikeZip(head) && head[0] !== 0x80) {
    throw new SteadysegError(
      `${source.name}: expected a .safetensors file or a PyTorch checkpoint, found neither${source.size === 0 ? ': it is empty' : ''}`,
    );
  }
  const checkpoint = await checkpointFrom(source);
  const { tensors, others } = findStateDict(checkpoint.value, source.name, key);
  return {
    name: source.name,
    format: 'pth',
    tensors,
    metadata: new Map(),
    steppedOver: checkpoint.steppedOver,
    others,
    async read(name) {
      const tensor = tensors.get(name);
      if (!tensor) throw new SteadysegError(`${source.name}: holds no tensor ${JSON.stringify(name)}`);
      return checkpoint.read(tensor);
    },
    close: () => checkpoint.close(),
  };
}

/** A network's weights by state-dict name. */
export interface StateDict {
  readonly tensors: Map<string, Tensor>;
  /** Tensors beside the network's (`teacher`, `flownet`, `criterion…`), which were not read. */
  readonly dropped: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
  /** As of `WeightsFile`. */
  readonly steppedOver: readonly string[];
  readonly others: readonly string[];
}

/** Reads the network's state dict from a weights file: the prefixes of training are taken off, other parts are not read. */
export async function readStateDict(path: string, options: WeightsOptions = {}): Promise<StateDict> {
  const file = await openWeights(path, options);
  try {
    const names = new Map([...file.tensors.keys()].map((name) => [name, name]));
    const { kept, dropped } = cleanNames(names);
    const tensors = new Map<string, Tensor>();
    for (const [name, inFile] of kept) tensors.set(name, await file.read(inFile));
    const { metadata, steppedOver, others } = file;
    return { tensors, dropped, metadata, steppedOver, others };
  } finally {
    await file.close();
  }
}
