import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { firstStems } from '#src/flow/clipIndex.js';
import { framePairs, pairCount } from '#src/flow/pairs.js';
import type { FrameSource } from '#src/media/frames.js';
import { openFrames } from '#src/media/frames.js';
import { writePicture } from '#src/media/pictures.js';
import { texture } from './frames.js';

const folder = mkdtempSync(join(tmpdir(), 'flow-pairs-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function pairsOf(source: FrameSource, wantedClip?: (clip: number) => boolean) {
  const pairs: string[] = [];
  for await (const { index, first, second } of framePairs(source, { wantedClip })) {
    pairs.push(`${index}:${first.stem}-${second.stem}`);
  }
  return pairs;
}

it('pairs neighbours within clips only', async () => {
  for (const clip of ['a', 'b', 'c']) mkdirSync(join(folder, clip));
  for (const name of ['a/0', 'a/1', 'a/2', 'b/3', 'c/4', 'c/5']) {
    await writePicture(join(folder, `${name}.png`), texture(4, 4));
  }
  const source = await openFrames(join(folder, '*', '*.png'));
  expect(await pairsOf(source)).toEqual(['0:0-1', '1:1-2', '4:4-5']);
  expect(pairCount(source)).toBe(3);
  expect(firstStems(source)).toEqual(['0', '1', '4']);
  const second = { wantedClip: (clip: number) => clip === 2 };
  expect(await pairsOf(source, second.wantedClip)).toEqual(['4:4-5']);
  expect([pairCount(source, second), firstStems(source, second)]).toEqual([1, ['4']]);
});

it('does not pair across a frame that a video lacks', async () => {
  const image = texture(4, 4);
  const source: FrameSource = {
    kind: 'video',
    isStream: false,
    input: 'v',
    description: 'a video',
    clips: [{ name: 'v', first: 0, count: undefined }],
    fingerprint: async () => '',
    async *frames() {
      for (const index of [0, 1, 3, 4]) yield { index, stem: String(index), image };
    },
  };
  expect(await pairsOf(source)).toEqual(['0:0-1', '3:3-4']);
  expect([pairCount(source), firstStems(source)]).toEqual([undefined, undefined]);
});
