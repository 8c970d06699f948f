// One mutated file: by its structure, as bytes, or both; the same seed and number give the same bytes.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, deriveSeed, type Random } from '#src/tensor/random.js';
import { mutated } from '../../mutate.js';
import { type Format, type FormatName, formats } from './formats.js';

/** Larger files show nothing that smaller ones do not. */
const MAX_BYTES = 16 << 20;

export function readCorpus(folder: string, format: FormatName): Uint8Array[] {
  const names = readdirSync(join(folder, format)).sort();
  return names.map((name) => new Uint8Array(readFileSync(join(folder, format, name))));
}

export function mutation(corpus: readonly Uint8Array[], name: FormatName, seed: number, index: number): Uint8Array {
  const random = createRandom(deriveSeed(seed, name, index));
  const { structure }: Format = formats[name];
  const way = structure ? random.integer(4) : 3;
  if (way === 3) return mutated(corpus, random);
  const bytes = structured(structure as NonNullable<typeof structure>, corpus, random);
  return way === 2 ? mutated([bytes], random) : bytes;
}

function structured(
  structure: NonNullable<Format['structure']>,
  corpus: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  const bytes = structure(corpus[random.integer(corpus.length)].slice(), random);
  return bytes.length > MAX_BYTES ? bytes.subarray(0, MAX_BYTES) : bytes;
}
