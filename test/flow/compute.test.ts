import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { computeFlow } from '#src/flow/compute.js';
import { folderFlow } from '#src/flow/folder.js';
import { framePairs } from '#src/flow/pairs.js';
import type { FlowSource } from '#src/flow/source.js';
import { readFlo } from '#src/media/flo.js';
import { type FrameSource, openFrames } from '#src/media/frames.js';
import { readPicture, writePicture } from '#src/media/pictures.js';
import { texture } from './frames.js';

const folder = mkdtempSync(join(tmpdir(), 'flow-compute-'));
afterAll(() => rmSync(folder, { recursive: true }));

let frames: FrameSource;
beforeAll(async () => {
  mkdirSync(join(folder, 'frames'));
  for (let t = 0; t < 4; t++) await writePicture(join(folder, 'frames', `f${t}.png`), texture(6, 4, t));
  frames = await openFrames(join(folder, 'frames'));
});

/** A source whose flow is the number of its call; fails for pairs that start with `broken`. */
function numbered(name = 'numbered', broken?: string): FlowSource & { calls: number } {
  return {
    name,
    calls: 0,
    concurrency: 2,
    async flow(pair) {
      const { width, height } = await pair.first.image();
      if (pair.first.stem === broken) throw new Error('no flow today');
      this.calls++;
      return { width, height, data: new Float32Array(width * height * 2).fill(this.calls) };
    },
    async check() {},
    async close() {},
  };
}

const tree = (out: string) =>
  readdirSync(out, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(out, name)).isFile())
    .sort();

it('writes a folder that is a flow source, with pictures', async () => {
  const out = join(folder, 'all');
  const reports: number[] = [];
  const result = await computeFlow({
    frames,
    source: numbered(),
    out,
    backward: true,
    color: true,
    onProgress: ({ done, total = 0 }) => reports.push(done / total),
  });
  expect(result).toMatchObject({ flow: 'numbered', pairs: 3, written: 6, skipped: 0, failed: 0 });
  const names = ['f0', 'f1', 'f2'];
  expect(tree(out)).toEqual(
    [
      ...names.flatMap((name) => [`${name}.flo`, `backward/${name}.flo`]),
      ...names.flatMap((name) => [`color/${name}.png`, `color/backward/${name}.png`]),
      'flow.json',
    ].sort(),
  );
  expect(reports.at(-1)).toBe(1);
  expect((await readPicture(join(out, 'color', 'f0.png'))).width).toBe(6);
  const source = await folderFlow(out);
  await source.check(names, ['forward', 'backward']);
  for await (const pair of framePairs(frames)) expect((await source.flow(pair, 'backward')).height).toBe(4);
});

it('resumes: computes what is missing and touches nothing else', async () => {
  const out = join(folder, 'resumed');
  const first = numbered();
  await computeFlow({ frames, source: first, out, limit: 2 });
  expect(first.calls).toBe(2);
  const before = readFileSync(join(out, 'f0.flo'));
  unlinkSync(join(out, 'f1.flo'));
  const second = numbered();
  const result = await computeFlow({ frames, source: second, out, resume: true });
  expect(result).toMatchObject({ pairs: 3, written: 2, skipped: 1 });
  expect(second.calls).toBe(2);
  expect(Buffer.compare(readFileSync(join(out, 'f0.flo')), before)).toBe(0);
});

it('does not resume what another source has begun', async () => {
  const out = join(folder, 'mixed');
  await computeFlow({ frames, source: numbered(), out, limit: 1 });
  const other = { frames, source: numbered('other'), out };
  await expect(computeFlow({ ...other, resume: true })).rejects.toThrow(
    /flow\.json: expected the same flow as in the run to resume, "numbered", found "other"/,
  );
  await expect(computeFlow(other)).resolves.toMatchObject({ written: 3 });
  writeFileSync(join(out, 'flow.json'), 'not json');
  await expect(computeFlow({ ...other, resume: true })).rejects.toThrow(
    /flow\.json: expected the record of an earlier run to resume/,
  );
});

it('does not resume what was made of another input', async () => {
  const out = join(folder, 'other input');
  await computeFlow({ frames, source: numbered(), out });
  const elsewhere = await openFrames(join(folder, 'frames', '*.png'));
  await expect(computeFlow({ frames: elsewhere, source: numbered(), out, resume: true })).rejects.toThrow(
    /expected the same input as in the run to resume/,
  );
});

it.each([
  ['the same kinds', { backward: true, color: true }],
  ['fewer kinds', {}],
])('takes over nothing of another source when it fails with %s and is resumed', async (what, kinds) => {
  const out = join(folder, `over ${what}`);
  await computeFlow({ frames, source: numbered(), out, backward: true, color: true });
  await expect(computeFlow({ frames, source: numbered('other', 'f1'), out, ...kinds })).rejects.toThrow(
    'no flow today',
  );
  const all = { backward: true, color: true, resume: true };
  const source = { ...numbered('other'), calls: 100 };
  await computeFlow({ frames, source, out, ...all });
  // The failed run wrote nothing for f1: what is there is neither its own nor the first run's, of 1 to 6.
  const again = await computeFlow({ frames, source, out, ...all });
  expect(again).toMatchObject({ written: 0, skipped: 6 });
  const second = (await readFlo(join(out, 'f1.flo'))).data[0];
  const last = (await readFlo(join(out, 'backward', 'f1.flo'))).data[0];
  expect([second > 100, last > 100]).toEqual([true, true]);
});

it('takes over nothing without a record, nor what another sharing of the work replaced', async () => {
  const out = join(folder, 'no record');
  await computeFlow({ frames, source: numbered(), out });
  unlinkSync(join(out, 'flow.json'));
  const resumed = { frames, source: numbered('other'), out, resume: true };
  await expect(computeFlow(resumed)).rejects.toThrow(/f\d\.flo: expected no file or one that an earlier run wrote/);
  expect(await computeFlow({ ...resumed, overwrite: true })).toMatchObject({ written: 3, skipped: 0 });
  await computeFlow({ frames, source: numbered(), out, shard: { index: 0, count: 2 } });
  expect(tree(out).filter((name) => name.endsWith('.json'))).toEqual(['flow-0-of-2.json']);
  expect(await computeFlow(resumed)).toMatchObject({ written: 3, skipped: 0 });
});

it('draws flow that lies in its own output folder, and keeps it', async () => {
  const out = join(folder, 'drawn');
  await computeFlow({ frames, source: numbered(), out });
  const before = readFileSync(join(out, 'f2.flo'));
  await computeFlow({ frames, source: await folderFlow(out), out, color: true });
  expect(readFileSync(join(out, 'f2.flo'))).toEqual(before);
  expect(tree(join(out, 'color'))).toEqual(['f0.png', 'f1.png', 'f2.png']);
});

it('keeps pictures beside it that are no results, and refuses to replace those of the input', async () => {
  const out = join(folder, 'rgbd');
  mkdirSync(join(out, 'color'), { recursive: true });
  for (let t = 0; t < 2; t++) await writePicture(join(out, 'color', `f${t}.png`), texture(6, 4, t));
  const inside = await openFrames(join(out, 'color'));
  await computeFlow({ frames: inside, source: numbered(), out });
  expect(tree(join(out, 'color'))).toEqual(['f0.png', 'f1.png']);
  await expect(computeFlow({ frames: inside, source: numbered(), out, color: true })).rejects.toThrow(
    /f0\.png: expected an input apart from the results/,
  );
});

it('refuses to replace the flow it reads by that of another direction', async () => {
  const out = join(folder, 'directions');
  await computeFlow({ frames, source: numbered(), out, backward: true });
  const before = readFileSync(join(out, 'backward', 'f1.flo'));
  const source = await folderFlow(join(out, 'backward'));
  await expect(computeFlow({ frames, source, out, backward: true })).rejects.toThrow(
    /backward: expected flow apart from the results/,
  );
  expect(readFileSync(join(out, 'backward', 'f1.flo'))).toEqual(before);
});

it('refuses a folder that another run writes flow into', async () => {
  const out = join(folder, 'twice');
  const runs = ['one', 'other'].map((name) => computeFlow({ frames, source: numbered(name), out }));
  const refused = (await Promise.allSettled(runs)).filter((run) => run.status === 'rejected');
  expect(refused.map(({ reason }) => String(reason))).toEqual([
    expect.stringMatching(/\.flow\.lock: process \d+ is writing flow into this folder/),
  ]);
  expect(tree(out)).toEqual(['f0.flo', 'f1.flo', 'f2.flo', 'flow.json']);
});

it('stops at a failure, or goes on and counts it', async () => {
  const out = join(folder, 'failing');
  const failing = { frames, source: numbered('numbered', 'f1'), out };
  await expect(computeFlow(failing)).rejects.toThrow('f1: no flow today');
  const failures: string[] = [];
  const result = await computeFlow({
    ...failing,
    onFailure: (stem, error) => failures.push(`${stem}|${error.message}`),
  });
  expect(result).toMatchObject({ pairs: 3, written: 2, failed: 1 });
  expect(failures).toEqual(['f1|f1: no flow today']);
  expect(existsSync(join(out, 'f1.flo'))).toBe(false);
});
