import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { folderFlow } from '#src/flow/folder.js';
import { flowPath } from '#src/flow/path.js';
import { writeFlo } from '#src/media/flo.js';
import { writeKittiFlow } from '#src/media/kitti.js';
import { frameOf, texture } from './frames.js';

const folder = mkdtempSync(join(tmpdir(), 'flow-folder-'));
afterAll(() => rmSync(folder, { recursive: true }));

const constant = (u: number) => ({ width: 2, height: 2, data: Float32Array.of(u, 0, u, 0, u, 0, u, 0) });
const pairOf = (first: string, second: string) => ({
  first: frameOf(first, texture(2, 2)),
  second: frameOf(second, texture(2, 2)),
});

it('finds both directions under the stem of the first frame, as .flo or as KITTI PNG', async () => {
  await writeFlo(flowPath(folder, 't0', 'forward'), constant(1));
  await writeFlo(flowPath(folder, 't0', 'backward'), constant(-1));
  await writeKittiFlow(join(folder, 't1.png'), constant(2));
  const source = await folderFlow(folder);
  expect(await source.flow(pairOf('t0', 't1'), 'forward')).toEqual(constant(1));
  expect(await source.flow(pairOf('t0', 't1'), 'backward')).toEqual(constant(-1));
  expect(await source.flow(pairOf('t1', 't2'), 'forward')).toEqual(constant(2));
});

it('names what is missing before any work', async () => {
  const source = await folderFlow(folder);
  await expect(source.check(['t0', 't1'], ['forward'])).resolves.toBeUndefined();
  await expect(source.check(['t0', 't1', 't2'], ['forward', 'backward'])).rejects.toThrow(
    `found none at ${join(folder, 't2.flo')}, ${join(folder, 'backward', 't1.flo')}, ${join(folder, 'backward', 't2.flo')}; both`,
  );
  const many = Array.from({ length: 9 }, (_, i) => `x${i}`);
  await expect(source.check(many, ['forward'])).rejects.toThrow(/x4\.flo and 4 more$/);
  await expect(source.flow(pairOf('t1', 't2'), 'backward')).rejects.toThrow(join(folder, 'backward', 't1.flo'));
});

it('refuses what is no folder', async () => {
  writeFileSync(join(folder, 'file'), '');
  await expect(folderFlow(join(folder, 'none'))).rejects.toThrow('none: expected a folder of .flo');
  await expect(folderFlow(join(folder, 'file'))).rejects.toThrow('file: expected a folder of .flo');
});
