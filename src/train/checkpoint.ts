// Checkpoints: parameters, what the optimiser remembers, counters, in one safetensors file that appears whole or not at all.
import * as v from 'valibot';
import { SteadysegError } from '../base/errors.js';
import { count, parseJson } from '../base/json.js';
import { formatShape, sameShape, type Tensor, tensor } from '../tensor/tensor.js';
import { openWeights, type WeightsOptions } from '../weights/openWeights.js';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.js';
import { averagedSlot, type TrainingState, updatesDone } from './state.js';

const best = v.object({
  step: count,
  mIoU: v.number(),
  /** Which frames it was measured on: figures of others, or of unknown ones, do not compare. */
  frames: v.optional(v.string()),
});

const checkpointRecord = v.object({
  /** Steps done. All random draws of a step come from the run's seed and the step's number, so this is the random state. */
  step: count,
  /** How many ranks shared the batches, where it was several. */
  ranks: v.optional(count),
  /** Of mixed precision. */
  lossScale: v.optional(v.object({ factor: v.pipe(v.number(), v.gtValue(0)), goodSteps: count, skipped: count })),
  /** Best validation before the checkpoint; that of the same step comes after it. */
  best: v.optional(best),
});

/** The best validation of a run. */
export type Best = v.InferOutput<typeof best>;

/** What a checkpoint carries besides tensors. */
export type CheckpointRecord = v.InferOutput<typeof checkpointRecord>;

const recordKey = 'steadyseg.checkpoint';
const parameterPrefix = 'parameter.';

export async function writeCheckpoint(
  path: string,
  state: TrainingState,
  best: Best | undefined,
  ranks = 1,
): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const [name, content] of state.parameters) tensors.set(`${parameterPrefix}${name}`, content);
  for (const [slot, contents] of state.slots)
    for (const [name, content] of contents)
      tensors.set(`${slot}.${name}`, tensor('float32', [content.length], content));
  const { step, lossScale } = state;
  const metadata = new Map([[recordKey, JSON.stringify({ step, ...(ranks > 1 && { ranks }), lossScale, best })]]);
  await writeSafetensors(path, tensors, metadata);
}

/** The weights that a checkpoint results in, as `resultingParameters` has them. */
export interface CheckpointWeights extends CheckpointRecord {
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** Reads what a checkpoint results in without a state; undefined for a file of other weights. */
export async function readCheckpointWeights(
  path: string,
  options: WeightsOptions = {},
): Promise<CheckpointWeights | undefined> {
  const file = await openWeights(path, options);
  try {
    const text = file.metadata.get(recordKey);
    if (text === undefined) return undefined;
    const record = parseJson(checkpointRecord, text, path, 'the record of a checkpoint');
    const weights = new Map<string, Tensor>();
    for (const [stored, { shape }] of file.tensors) {
      if (!stored.startsWith(parameterPrefix)) continue;
      const name = stored.slice(parameterPrefix.length);
      const averaged = `${averagedSlot}.${name}`;
      const { dtype, data } = await file.read(
        updatesDone(record) > 0 && file.tensors.has(averaged) ? averaged : stored,
      );
      weights.set(name, tensor(dtype, shape, data));
    }
    return { ...record, weights };
  } finally {
    await file.close();
  }
}

/** Fills a state from a checkpoint. @throws SteadysegError, leaving the state as it was, when the file does not fit it. */
export async function readCheckpoint(path: string, state: TrainingState): Promise<CheckpointRecord> {
  const { tensors, metadata } = await readSafetensors(path);
  const text = metadata.get(recordKey);
  if (!text) throw new SteadysegError(`${path}: expected a checkpoint of a training run, found other tensors`);
  const record = parseJson(checkpointRecord, text, path, 'the record of a checkpoint');
  const find = (name: string, shape: readonly number[]): Float32Array => {
    const content = tensors.get(name);
    if (content?.dtype !== 'float32' || !sameShape(content.shape, shape)) {
      const found = content ? `${content.dtype} ${formatShape(content.shape)}` : 'none';
      throw new SteadysegError(`${path}: expected ${name} as float32 ${formatShape(shape)}, found ${found}`);
    }
    return content.data as Float32Array;
  };
  const parameters = [...state.parameters].map(
    ([name, { data, shape }]) => [data, find(`${parameterPrefix}${name}`, shape)] as const,
  );
  const remembered = [...state.slots].flatMap(([slot, contents]) =>
    [...contents].map(([name, data]) => [data, find(`${slot}.${name}`, [data.length])] as const),
  );
  if (state.lossScale && !record.lossScale) {
    throw new SteadysegError(`${path}: expected the loss scale of a run of mixed precision, found none`);
  }
  for (const [into, from] of [...parameters, ...remembered]) into.set(from);
  if (state.lossScale) Object.assign(state.lossScale, record.lossScale);
  state.step = record.step;
  return record;
}
