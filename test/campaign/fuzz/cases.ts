// Mutated files of every format, some of each: `--fuzz` reads more of them.
import { join } from 'node:path';
import type { Case } from '../harness.js';
import { makeCorpus } from './corpus.js';
import { formatNames, formats } from './formats.js';
import { readMutations } from './readers.js';

const MUTATIONS_PER_ROUND = 100;

let made: Promise<string> | undefined;

export const fuzz: readonly Case[] = formatNames.map((format) => ({
  name: `fuzz/${format}`,
  fault: `mutated ${formats[format].what}`,
  promise: 'read, or refused in a line that names the file; no crash, no wait, no gigabyte',
  async run({ folder, inputs, rounds, random }) {
    made ??= (async () => {
      const corpus = join(inputs.wholeRuns, 'corpus');
      await makeCorpus(corpus, inputs);
      return corpus;
    })();
    const seed = random.integer(2 ** 31);
    const work = { format, seed, first: 0, count: rounds * MUTATIONS_PER_ROUND, corpus: await made, folder };
    const { files, refused, megabytes, findings } = await readMutations(work);
    const faults = findings.map(({ index, kind, what }) => `mutation ${index} of seed ${seed}: ${kind}: ${what}`);
    return { runs: files, faults, seen: `${refused} refused, at most ${Math.round(megabytes)} MiB` };
  },
}));
