// Checkpoints: parameters, momentum, counters, in one safetensors file that appears whole or not at all.
import { SteadysegError } from '../base/errors.js';
import { formatShape, sameShape, type Tensor, tensor } from '../tensor/tensor.js';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.js';
import type { TrainingState } from './state.js';

/** What a checkpoint carries besides tensors. */
export interface CheckpointRecord {
  /** Steps done. All random draws of a step come from the run's seed and the step's number, so this is the random state. */
  readonly step: number;
  /** Fingerprint of the configuration that must not change across a resume. */
  readonly fingerprint: string;
  /** Best validation so far. */
  readonly best?: { readonly step: number; readonly mIoU: number } | undefined;
}

const recordKey = 'steadyseg.checkpoint';

export async function writeCheckpoint(
  path: string,
  state: TrainingState,
  record: Omit<CheckpointRecord, 'step'>,
): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const [name, content] of state.parameters) tensors.set(`parameter.${name}`, content);
  for (const [name, content] of state.velocities)
    tensors.set(`velocity.${name}`, tensor('float32', [content.length], content));
  const metadata = new Map([[recordKey, JSON.stringify({ ...record, step: state.step })]]);
  await writeSafetensors(path, tensors, metadata);
}

/** Fills a state from a checkpoint. @throws SteadysegError, leaving the state as it was, when the file does not fit it. */
export async function readCheckpoint(path: string, state: TrainingState): Promise<CheckpointRecord> {
  const { tensors, metadata } = await readSafetensors(path);
  const text = metadata.get(recordKey);
  if (!text) throw new SteadysegError(`${path}: expected a checkpoint of a training run, found other tensors`);
  const record: CheckpointRecord = JSON.parse(text);
  const find = (name: string, shape: readonly number[]): Float32Array => {
    const content = tensors.get(name);
    if (content?.dtype !== 'float32' || !sameShape(content.shape, shape)) {
      const found = content ? `${content.dtype} ${formatShape(content.shape)}` : 'none';
      throw new SteadysegError(`${path}: expected ${name} as float32 ${formatShape(shape)}, found ${found}`);
    }
    return content.data as Float32Array;
  };
  const parameters = [...state.parameters].map(
    ([name, { data, shape }]) => [data, find(`parameter.${name}`, shape)] as const,
  );
  const velocities = [...state.velocities].map(
    ([name, data]) => [data, find(`velocity.${name}`, [data.length])] as const,
  );
  for (const [into, from] of [...parameters, ...velocities]) into.set(from);
  state.step = record.step;
  return record;
}
