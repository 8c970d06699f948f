// Damaged video: bits that flipped in its frames, anywhere in the file, and files that end too early.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '#src/tensor/random.js';
import { type Case, contents, refusal, steadyseg, successOrRefusal } from './harness.js';
import { litter } from './jobs.js';

/** Where the frames' data lie: the content of the box `mdat`. */
function frameData(bytes: Buffer): [number, number] {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + 8) === 'mdat') return [at + 8, at + size];
    if (size < 8) break;
    at += size;
  }
  throw new Error('no mdat in the video');
}

function flipped(bytes: Buffer, from: number, to: number, random: Random): Buffer {
  const out = Buffer.from(bytes);
  for (let count = 1 + random.integer(40); count > 0; count--)
    out[from + random.integer(to - from)] ^= 1 << random.integer(8);
  return out;
}

const damages: Record<string, { what: string; damage: (bytes: Buffer, random: Random) => Buffer }> = {
  frames: {
    what: '1 to 40 bits flipped within the data of the frames',
    damage: (bytes, random) => flipped(bytes, ...frameData(bytes), random),
  },
  anywhere: {
    what: '1 to 40 bits flipped anywhere in the file, its index included',
    damage: (bytes, random) => flipped(bytes, 0, bytes.length, random),
  },
  cut: {
    what: 'cut off at a random length',
    damage: (bytes, random) => bytes.subarray(0, random.integer(bytes.length)),
  },
};

export const damagedVideo: readonly Case[] = Object.entries(damages).map(([name, { what, damage }]) => ({
  name: `video/${name}`,
  fault: `predict from an MP4: ${what}`,
  promise:
    'frames as many as there were, or one line that names the file; with --keep-going all but those listed as lost',
  async run({ inputs, folder, rounds, random }) {
    const bytes = readFileSync(inputs.video);
    const faults: string[] = [];
    let [done, refused, lost] = [0, 0, 0];
    for (let round = 0; round < 2 * rounds; round++) {
      const video = join(folder, `${round}.mp4`);
      writeFileSync(video, damage(bytes, random));
      const args = (out: string) => ['predict', video, '--model', inputs.network, '--out', out];
      const strict = join(folder, `${round} strict`);
      const run = await steadyseg(args(strict));
      faults.push(...successOrRefusal(run, [video]), ...litter(contents(strict)));
      if (run.code === 0) done++;
      else refused++;
      const lenient = join(folder, `${round} lenient`);
      const kept = await steadyseg([...args(lenient), '--keep-going']);
      if (kept.code !== 0) faults.push(...refusal(kept, [video, 'predict.json']));
      const found = contents(lenient);
      faults.push(...litter(found));
      if (!found.has('predict.json')) continue;
      const { frames, failed, complete }: { frames: number; failed: unknown[]; complete: boolean } = JSON.parse(
        readFileSync(join(lenient, 'predict.json'), 'utf8'),
      );
      const labels = [...found.keys()].filter((file) => file.startsWith('labels/')).length;
      lost += failed.length;
      if (labels !== frames) faults.push(`${kept.command}: ${labels} label maps, but ${frames} frames in predict.json`);
      if (complete !== (kept.code === 0))
        faults.push(`${kept.command}: exit code ${kept.code}, but complete: ${complete}`);
    }
    const seen = `${done} decoded, ${refused} refused; with --keep-going ${lost} frames listed as lost`;
    return { runs: 4 * rounds, faults, seen };
  },
}));
