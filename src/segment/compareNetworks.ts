// Two networks on the same frames, compared as their predictions are.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InterruptedError, UsageError } from '../base/errors.js';
import { type CompareOptions, type Comparison, checkOutputs, compare, distinctNames } from '../media/compare.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import { isStream } from '../media/videoInput.js';
import type { SegmentationModel } from './model.js';
import { predict } from './predict.js';

/** What `compareNetworks` takes. */
export interface CompareNetworksOptions extends Omit<CompareOptions, 'frames' | 'classes'> {
  /** Told what is under way, before its frames: a network by its source, then the comparison. */
  readonly onPart?: ((part: string) => void) | undefined;
  /** Told what a user should know of the input. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Lets two networks segment a video or pictures, and compares their label maps over the frames as `compare` does. The
 * label maps lie in a temporary folder meanwhile.
 * @throws SteadysegError, UsageError as `predict` and `compare` do
 */
export async function compareNetworks(
  input: string,
  networks: readonly [SegmentationModel, SegmentationModel],
  options: CompareNetworksOptions,
): Promise<Comparison> {
  const { limit, onProgress, onNote, onPart, signal } = options;
  checkOutputs(options);
  if (isStream(input))
    throw new UsageError(`expected an input that can be read several times, found the stream ${input}`);
  const sources = networks.map(({ description }) => description.source);
  await checkSingleOutputs([options.out, options.flicker], [input, ...sources]);
  const folder = await mkdtemp(join(tmpdir(), 'steadyseg-compare-'));
  try {
    const results = ['a', 'b'].map((name) => join(folder, name));
    for (const [at, network] of networks.entries()) {
      onPart?.(network.description.source);
      const heard = at === 0 ? { onNote } : {};
      const common = { save: ['labels'] as const, limit, signal, onProgress };
      const { interrupted, frames } = await predict(input, network, results[at], { ...common, ...heard });
      if (interrupted) throw new InterruptedError(`interrupted after ${frames} frames: nothing was written`);
    }
    onPart?.('comparison');
    const [nameA, nameB] = distinctNames(sources[0], sources[1]);
    return await compare(results[0], results[1], {
      ...options,
      frames: input,
      nameA: options.nameA ?? nameA,
      nameB: options.nameB ?? nameB,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
