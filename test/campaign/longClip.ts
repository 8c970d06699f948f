// A clip of ten thousand frames: memory does not grow with its length.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { tinyNetwork } from '../segment/tinyNetwork.js';
import { type Case, steadyseg, success } from './harness.js';

const frames = 10_000;
const few = 1_000;
const side = 16;
/** What ten times the frames may take more, in MiB: the engine's heap is collected now and then, not at once. */
const MAX_GROWTH = 64;

/** Each label map is brought to the disk on its own. */
const MAX_MILLISECONDS = 600_000;

/** Runs with few and with all frames, and compares the largest resident memory. */
async function grows(args: (limit: number) => readonly string[]): Promise<{ faults: string[]; seen: string }> {
  const faults: string[] = [];
  const peaks: number[] = [];
  for (const limit of [few, frames]) {
    const run = await steadyseg(args(limit), { limit: MAX_MILLISECONDS });
    faults.push(...success(run));
    peaks.push(run.peakMegabytes);
  }
  const [small, large] = peaks;
  if (large > small + MAX_GROWTH) faults.push(`memory grew from ${small.toFixed(0)} to ${large.toFixed(0)} MiB`);
  const seen = `peak ${small.toFixed(0)} MiB for ${few} frames, ${large.toFixed(0)} MiB for ${frames}`;
  return { faults, seen: small > 0 ? seen : 'memory is not known on this system' };
}

export const longClip: readonly Case[] = [
  {
    name: 'long/clip',
    fault: `predict, then evaluate miou and vc, on a clip of ${frames} frames`,
    promise: `memory within ${MAX_GROWTH} MiB of that for ${few} frames; a label map for every frame`,
    async run({ folder }) {
      const video = join(folder, 'long.mp4');
      const network = join(folder, 'network.onnx');
      writeFileSync(network, tinyNetwork({ classes: 19, height: side, width: side }));
      const writer = await createVideoWriter(video, {
        height: side,
        width: side,
        frameRate: { numerator: 30, denominator: 1 },
      });
      const data = new Uint8Array(3 * side * side);
      for (let index = 0; index < frames; index++) {
        for (let at = 0; at < data.length; at++) data[at] = (at * 7 + index * 3) & 255;
        await writer.write({ width: side, height: side, data });
      }
      await writer.close();
      const out = join(folder, 'out');
      const labels = join(out, 'labels');
      const predicted = await grows((limit) => [
        ...['predict', video, '--model', network, '--preset', 'cityscapes', '--out', out],
        ...['--save', 'labels', '--resume', '--limit', String(limit)],
      ]);
      const found = existsSync(labels) ? readdirSync(labels).length : 0;
      if (found !== frames) predicted.faults.push(`${found} label maps of ${frames} frames`);
      const measured = await grows((limit) => [
        ...['evaluate', 'miou', '--pred', labels, '--gt', labels, '--preset', 'cityscapes', '--limit', String(limit)],
      ]);
      const windows = await grows((limit) => [
        ...['evaluate', 'vc', '--pred', labels, '--gt', labels, '--preset', 'cityscapes', '--limit', String(limit)],
      ]);
      return {
        runs: 6,
        faults: [...predicted.faults, ...measured.faults, ...windows.faults],
        seen: `predict: ${predicted.seen}; miou: ${measured.seen}; vc: ${windows.seen}`,
      };
    },
  },
];
