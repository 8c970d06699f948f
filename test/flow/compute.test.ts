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
    /flow\.json: expected the flow of "other" to resume, found that of "numbered"/,
  );
  await expect(computeFlow(other)).resolves.toMatchObject({ written: 3 });
  writeFileSync(join(out, 'flow.json'), 'not json');
  await expect(computeFlow({ ...other, resume: true })).rejects.toThrow('found that of "not json"');
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
