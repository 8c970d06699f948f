// What lies behind a flow source: a digest of the files that its flow follows from.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { flowContents } from '#src/flow/contents.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-contents-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('is of every file of a folder, its name and what it holds, and of a network; there is none of a method', async () => {
  expect(await flowContents('dis')).toBe(undefined);
  expect(await flowContents(join(folder, 'nowhere'))).toBe(undefined);
  const [flow, network] = [join(folder, 'flow'), join(folder, 'flow.onnx')];
  mkdirSync(join(flow, 'backward'), { recursive: true });
  const found = new Set<string | undefined>();
  const changes = [
    () => writeFileSync(join(flow, '000.flo'), 'forth'),
    () => writeFileSync(join(flow, 'backward', '000.flo'), 'back'),
    () => writeFileSync(join(flow, 'backward', '000.flo'), 'Back'),
    () => renameSync(join(flow, '000.flo'), join(flow, '001.flo')),
  ];
  for (const change of changes) {
    change();
    found.add(await flowContents(flow));
    expect(await flowContents(flow)).toBe([...found].at(-1));
  }
  for (const content of ['one', 'another']) {
    writeFileSync(network, content);
    found.add(await flowContents(network));
  }
  expect([found.size, found.has(undefined)]).toEqual([6, false]);
});
