// Which files of several inputs belong to each frame of an evaluation.
import { inShard, type Shard } from '../../base/shard.js';
import { clipIndex } from '../../flow/clipIndex.js';
import type { FrameSource } from '../../media/frames.js';
import { pairingKey } from '../../media/stems.js';
import { type ListedFile, listFiles } from '../layouts.js';
import { indexByName, type Named, pairingNames } from '../pairing.js';
import { missingPrediction } from './common.js';

/** The files that belong to a frame, one of each input where it has one, by the frame's stem. */
export type Partners = (stem: string) => { readonly name: string; readonly files: readonly (ListedFile | undefined)[] };

/** Pairs the label maps of folders and lists with frames. @throws SteadysegError for an input without any, and for names that are ambiguous */
export async function partnersOf(source: FrameSource, inputs: readonly string[]): Promise<Partners> {
  const listed: ListedFile[][] = [];
  for (const input of inputs) listed.push(await listFiles(input, 'labels'));
  const nameOf = pairingNames([...listed, ...(source.stems ? [source.stems.map(namedOf)] : [])]);
  const indexed = listed.map((files) => indexByName(files, nameOf));
  return (stem) => {
    const name = nameOf(namedOf(stem));
    return { name, files: indexed.map((files) => files.get(name)) };
  };
}

/** A stem may hold the folder that tells its clip from others: `video/00001`. */
function namedOf(stem: string): Named {
  const slash = stem.lastIndexOf('/');
  return { folder: slash < 0 ? '' : stem.slice(0, slash), key: pairingKey(stem.slice(slash + 1)) };
}

/**
 * Refuses, before any work, pictures without a file in one of the inputs.
 * @param at which of the partners' inputs, `input` by name
 */
export function requirePartners(
  source: FrameSource,
  partners: Partners,
  at: number,
  input: string,
  { limit, shard }: { readonly limit: number | undefined; readonly shard: Shard },
): void {
  const clipOf = clipIndex(source);
  const missing = (source.stems ?? [])
    .slice(0, limit)
    .map((stem, index) => ({ ...partners(stem), wanted: inShard(clipOf(index), shard) }))
    .filter(({ files, wanted }) => wanted && !files[at])
    .map(({ name }) => name);
  if (missing.length > 0) throw missingPrediction(input, missing);
}
