// Records of what an adaptation prepared: what is known of a clip, and of the targets that were renewed for it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ClipOptions } from '#src/adapt/clip.js';
import { closeClipFiles, openClipFiles, type PreparedClip } from '#src/adapt/clipFiles.js';
import { preparedOnce, renewedOnce } from '#src/adapt/preparedRecord.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-prepared-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `prepareClip` takes them; of the clip below. */
const options = { height: 2, width: 3, classes: 4, folder: join(folder, 'clip') } as ClipOptions;

async function prepared(): Promise<PreparedClip> {
  const files = await openClipFiles(options.folder, options, options.classes);
  await files.targets.write(0, new Uint8Array(24).fill(7));
  const known = { stems: ['a', 'b', 'c'], pairs: [0], cuts: [1], targetSums: [1, 2, 3, 4], count: 3 };
  return { height: 2, width: 3, classes: 4, folder: options.folder, ...known, files };
}

it('knows of a clip what was known when it was prepared, and prepares it once', async () => {
  const { files, ...first } = await preparedOnce(folder, options, prepared);
  await closeClipFiles(files);
  const { files: again, ...second } = await preparedOnce(folder, options, () => expect.unreachable());
  expect(second).toEqual(first);
  expect(await again.targets.read(0)).toEqual(new Uint8Array(24).fill(7));
  await closeClipFiles(again);
  writeFileSync(join(folder, 'prepared.json'), '{"from":0}');
  await expect(preparedOnce(folder, options, prepared)).rejects.toThrow('prepared.json');
});

it('knows the renewed targets of one training, and has them made for another', async () => {
  const clip = await prepared();
  const renewed = (first: number) => async () => ({ ...clip, targetSums: [first, 0, 0, 0] });
  const sumsOf = async (classWeights: 'balanced' | 'even', renew: () => Promise<PreparedClip | undefined>) =>
    (await renewedOnce(folder, clip, classWeights, renew))?.targetSums;
  // The time was up meanwhile.
  expect(await sumsOf('balanced', async () => undefined)).toBe(undefined);
  expect(await sumsOf('balanced', renewed(5))).toEqual([5, 0, 0, 0]);
  const found = await renewedOnce(folder, clip, 'balanced', () => expect.unreachable());
  expect([found?.targetSums, found?.files.targets]).toEqual([[5, 0, 0, 0], clip.files.renewed]);
  expect(await sumsOf('even', renewed(6))).toEqual([6, 0, 0, 0]);
  expect(await sumsOf('balanced', renewed(7))).toEqual([7, 0, 0, 0]);
  await closeClipFiles(clip.files);
});
