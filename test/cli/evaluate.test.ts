import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFlo } from '#src/media/flo.js';
import { writeLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { normalised, tinyNetwork } from '../segment/tinyNetwork.js';
import { steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-'));
afterAll(() => rmSync(folder, { recursive: true }));

const [width, height] = [32, 24];

/** Two clips of three frames; the square in them moves right by two pixels a frame, and so do prediction, label and flow. */
beforeAll(async () => {
  const zero = new Float32Array(width * height * 2);
  for (const clip of ['a', 'b']) {
    for (let t = 0; t < 3; t++) {
      const inSquare = (i: number, left: number) => {
        const [x, y] = [i % width, Math.floor(i / width)];
        return x >= left + 2 * t && x < left + 2 * t + 8 && y >= 8 && y < 16;
      };
      const ids = (left: number) => Uint8Array.from({ length: width * height }, (_, i) => (inSquare(i, left) ? 8 : 3));
      const stem = `${clip}_${t}.png`;
      await writeLabelMap(join(folder, 'gt', stem), { width, height, data: ids(6) });
      await writeLabelMap(join(folder, 'out', 'labels', stem), { width, height, data: ids(7) });
      const grey = ids(6).map((id) => 20 * id);
      const data = Uint8Array.from({ length: 3 * grey.length }, (_, i) => grey[Math.floor(i / 3)]);
      await writePicture(join(folder, 'frames', stem), { width, height, data });
      if (t === 2) continue;
      // The square moves and the rest stands still, by the square's place in the frame that the flow starts from.
      const flow = (sign: number, left: number) => {
        const vectors = zero.slice();
        for (let i = 0; i < width * height; i++) if (inSquare(i, left)) vectors[2 * i] = sign * 2;
        return { width, height, data: vectors };
      };
      await writeFlo(join(folder, 'flow', `${clip}_${t}.flo`), flow(1, 6));
      await writeFlo(join(folder, 'flow', 'backward', `${clip}_${t}.flo`), flow(-1, 8));
    }
  }
});

const classes = ['--preset', 'camvid'];
const common = ['--pred', 'out', '--gt', 'gt', ...classes];
const tc = ['evaluate', 'tc', '--frames', 'frames', '--flow', 'flow', ...common];
const json = (args: string[]) => {
  const { code, stdout, stderr } = steadyseg([...args, '--json'], folder);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
};

describe('steadyseg evaluate steadiness', () => {
  const steadiness = ['evaluate', 'steadiness', 'frames', '--flow', 'flow'];
  const ofLabels = [...steadiness, '--pred', 'out', ...classes];

  it('gives the keys that scripts rely on, without labels of people', () => {
    const result = json(ofLabels);
    const { steady, kappa, counts } = json(tc);
    expect(result).toMatchObject({ measure: 'steadiness', pairs: 4, steady, kappa, flow: 'folder flow' });
    expect(Object.keys(result.counts)).toEqual(['steady', 'before', 'after']);
    expect(result.counts.after).toEqual(counts.target);
    // The predicted square is one pixel off: it takes a column of 8 pixels of the road that is visible in both, in 4 pairs.
    const { steady: kept, before } = result.counts;
    expect(before[3] - kept[3]).toBe(4 * 8);
    expect(result.flicker[3]).toBe(32 / before[3]);
    expect(result.flicker[8]).toBe(0);
    expect(result.flicker[0]).toBe(null);
    expect(result.shares[3] + result.shares[8]).toBeCloseTo(1, 12);
    expect(result).not.toHaveProperty('agreement');
  });

  it('measures labels against others, and merges shards bit for bit', () => {
    const against = [...ofLabels, '--against', 'gt'];
    const whole = json(against);
    const agreed = 1 - 96 / (6 * width * height);
    expect(whole).toMatchObject({ agreement: agreed, against: { sure: null, frames: 6, steady: 1 } });
    expect(whole.totalVariation).toBeCloseTo(Math.abs(whole.shares[8] - whole.against.shares[8]), 12);
    for (const k of [0, 1, 2])
      writeFileSync(join(folder, `s${k}.json`), JSON.stringify(json([...against, '--shard', `${k}/3`])));
    expect(json(['merge', 's1.json', 's0.json', 's2.json'])).toEqual(whole);
    writeFileSync(join(folder, 'alone.json'), JSON.stringify(json([...ofLabels, '--shard', '0/3'])));
    const other = steadyseg(['merge', 's1.json', 'alone.json', 's2.json'], folder);
    expect([other.code, other.stderr]).toEqual([
      1,
      'steadyseg: alone.json: expected the same reference as in s1.json (given, without probabilities), found none\n',
    ]);
    expect(json([...ofLabels, '--limit', '2'])).toMatchObject({ pairs: 1 });
  });

  it('measures networks, which say their classes, against what they wrote', async () => {
    writeFileSync(join(folder, 'network.onnx'), tinyNetwork({ classes: 4, free: true, metadata: normalised }));
    const predicted = steadyseg(
      ['predict', 'frames', '-m', 'network.onnx', '-o', 'run', '--save', 'labels,confidence'],
      folder,
    );
    expect(predicted.code).toBe(0);
    const ofModel = json([...steadiness, '--model', 'network.onnx', '--against', 'run']);
    const ofFolder = json([...steadiness, '--pred', 'run', '--against', 'network.onnx']);
    for (const result of [ofModel, ofFolder]) {
      expect(result).toMatchObject({ totalVariation: 0, against: { sure: 0.9, frames: 6, counts: result.counts } });
      const { sure, agreed } = result.against.agreementCounts;
      expect(agreed).toEqual(sure);
    }
    expect(ofFolder.counts).toEqual(ofModel.counts);
    expect(ofFolder.against.agreementCounts).toEqual(ofModel.against.agreementCounts);
    expect(json([...steadiness, '--pred', 'run/labels']).classes).toEqual(ofModel.classes);
  });

  it('of a constant labelling is all steady, with a kappa of 0', async () => {
    for (const clip of ['a', 'b']) {
      for (const t of [0, 1, 2]) {
        const data = new Uint8Array(width * height).fill(5);
        await writeLabelMap(join(folder, 'constant', `${clip}_${t}.png`), { width, height, data });
      }
    }
    const result = json([...steadiness, '--pred', 'constant', '--against', 'gt', ...classes]);
    expect(result).toMatchObject({ steady: 1, kappa: 0, agreement: 0 });
    expect(result.totalVariation).toBeCloseTo(1, 12);
  });

  it('prints a table by class, and writes a report with the places that flicker', () => {
    const { code, stdout } = steadyseg([...ofLabels, '--against', 'gt', '--report', 'steady.html'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/class +share % +reference’s +flicker % +reference’s +agreement %/);
    expect(stdout).toMatch(/^steady pixels \d\d\.\d\d %, temporal kappa/m);
    const html = readFileSync(join(folder, 'steady.html'), 'utf8');
    expect(html).toContain('The places that flicker most');
    expect(html).toMatch(/a_\d → a_\d, 8×8 pixels at/);
    expect(html.match(/data:image/g)?.length).toBeGreaterThanOrEqual(6);
  });

  it('says in one line what is wrong, with the exit code', () => {
    for (const [name, classes] of [
      ['two.onnx', 2],
      ['twelve.onnx', 12],
    ] as const) {
      writeFileSync(join(folder, name), tinyNetwork({ classes, free: true, metadata: normalised }));
    }
    const cases: [string[], number, RegExp][] = [
      [[...steadiness], 2, /expected either --pred or --model, found neither/],
      [[...ofLabels, '--model', 'network.onnx'], 2, /expected either --pred or --model, found both/],
      [[...steadiness, '--pred', 'out'], 2, /expected a preset or a file of classes.* found neither for out/],
      [
        [...steadiness, '--pred', 'run', '--against', 'two.onnx'],
        2,
        /two\.onnx: expected the 4 classes of .*, found 2/,
      ],
      [[...ofLabels, '--against', 'twelve.onnx'], 1, /twelve\.onnx: .*12/],
      [[...ofLabels, '--against', 'nothing.onnx'], 1, /nothing\.onnx: no such file/],
      [[...ofLabels, '--report', 'frames/a_0.png'], 2, /frames\/a_0\.png/],
      [
        [...ofLabels, '--flip'],
        2,
        /options of networks together with --model, or a network in --against, found neither/,
      ],
      [[...ofLabels, '--mean', '1,2,3', '--against', 'gt'], 2, /options of networks together with --model/],
      [[...steadiness, '--model', 'network.onnx', '--pred-ids', 'trainIds'], 2, /--pred-ids: expected label maps/],
    ];
    for (const [args, code, message] of cases) {
      const result = steadyseg(args, folder);
      expect([args, result.code, result.stdout]).toEqual([args, code, '']);
      expect(result.stderr).toMatch(message);
    }
  });
});

describe('steadyseg evaluate', () => {
  it('gives the keys that scripts rely on', () => {
    const accuracy = json(['evaluate', 'miou', ...common, '--convention', 'cityscapes']);
    expect(accuracy).toMatchObject({
      measure: 'miou',
      convention: 'cityscapes',
      allAcc: 1 - 96 / (6 * width * height),
      classes: expect.arrayContaining(['car']),
    });
    expect(accuracy.iou[8]).toBe(56 / 72);
    expect(Object.keys(accuracy.counts)).toEqual(['intersection', 'union', 'target']);
    expect(accuracy.counts.intersection[8]).toBe(6 * 56);

    const consistency = json(tc);
    expect(consistency).toMatchObject({ mode: 'masked', pairs: 4, flow: 'folder flow', labelsTc: 1 });
    expect(consistency.mIoU).toBeGreaterThan(0);
    expect(consistency.tc).toBeLessThan(1);
    expect(json(['evaluate', 'vc', ...common, '--window', '2', '--convention', 'strict'])).toMatchObject({
      windows: 4,
      windowsOfClip: [2, 2],
    });
  });

  it('says that its shard is of the job scheduler, and when it is empty', () => {
    const args = ['evaluate', 'miou', ...common, '--json'];
    const task = (id: string) => ({ SLURM_ARRAY_TASK_ID: id, SLURM_ARRAY_TASK_COUNT: '3' });
    const second = steadyseg(args, folder, task('1'));
    expect([second.code, JSON.parse(second.stdout).frames]).toEqual([0, 3]);
    expect(second.stderr).toMatch(/^shard 1\/3, from SLURM_ARRAY_TASK_ID$/m);
    expect(second.stderr).not.toContain('empty');
    const third = steadyseg(args, folder, task('2'));
    expect([third.code, JSON.parse(third.stdout).frames]).toEqual([0, 0]);
    expect(third.stderr).toMatch(/^shard 2\/3 is empty: no clip of the input belongs to it$/m);
    expect(steadyseg([...args, '--shard', '1/3'], folder, task('2')).stderr).not.toContain('SLURM');
  });

  it('prints what it merged before a report that cannot be written', () => {
    writeFileSync(join(folder, 'alone.json'), JSON.stringify(json(['evaluate', 'miou', ...common])));
    writeFileSync(join(folder, 'in the way'), '');
    const args = ['merge', 'alone.json', '--json', '--report', 'in the way/report.html'];
    const { code, stdout, stderr } = steadyseg(args, folder);
    expect([code, JSON.parse(stdout).frames]).toEqual([1, 6]);
    expect(stderr).toContain('in the way');
  });

  it('merges what shards gave, bit for bit', () => {
    const whole = json(tc);
    for (const k of [0, 1, 2])
      writeFileSync(join(folder, `${k}.json`), JSON.stringify(json([...tc, '--shard', `${k}/3`])));
    expect(json(['merge', '1.json', '0.json', '2.json'])).toEqual(whole);
    const incomplete = steadyseg(['merge', '1.json', '0.json'], folder);
    expect([incomplete.code, incomplete.stderr]).toEqual([
      1,
      'steadyseg: expected the results of all 3 shards, found none of 2/3\n',
    ]);
  });

  it('tells steady pixels beside masked consistency, and not where other pixels are compared', () => {
    const { steady, kappa, counts } = json(tc);
    const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
    expect(steady).toBe(total(counts.intersection) / total(counts.target));
    expect(kappa).toBeGreaterThan(0);
    expect(kappa).toBeLessThan(steady);
    expect(json([...tc, '--mode', 'etc-2020'])).not.toHaveProperty('steady');
    expect(steadyseg(tc, folder).stdout).toMatch(/^steady pixels \d\d\.\d\d %, temporal kappa 0\.\d{4}/m);
  });

  it('prints a table by class, and writes a report with the worst pairs', () => {
    const { code, stdout } = steadyseg([...tc, '--report', 'tc.html'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/class +TC % +IoU % +labels’ own TC %/);
    expect(stdout).toMatch(/car +\d+\.\d\d +77\.78 +100\.00/);
    expect(stdout).toContain('masked, 11 classes (camvid), 4 pairs of 6 frames in 2 clips, flow: folder flow');
    const html = readFileSync(join(folder, 'tc.html'), 'utf8');
    expect(html).toContain('steadyseg evaluate tc --frames frames');
    expect(html).toContain('a_0 → a_1');
    expect(html.match(/data:image/g)?.length).toBeGreaterThanOrEqual(10);
    for (const [args, text] of [
      [['evaluate', 'miou', ...common], 'mIoU'],
      [['evaluate', 'vc', ...common, '--window', '2'], 'VC-2'],
    ] as const) {
      const result = steadyseg([...args, '--report', 'other.html'], folder);
      expect(result.stdout).toContain(text);
      expect(readFileSync(join(folder, 'other.html'), 'utf8')).toContain(text);
    }
  });

  it('prints the result also where the report cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, stdout, stderr } = steadyseg([...tc, '--json', '--report', 'file/tc.html'], folder);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^steadyseg: cannot write file\/tc\.html: a file of that name is in the way$/m);
    expect(JSON.parse(stdout)).toMatchObject({ pairs: 4 });
  });

  it('says in one line what is wrong, with the exit code', () => {
    mkdirSync(join(folder, 'some'), { recursive: true });
    const cases: [string[], number, RegExp][] = [
      [['evaluate', 'miou', '--pred', 'out', '--gt', 'gt'], 2, /expected --preset .* or --classes FILE, found neither/],
      [['evaluate', 'miou', ...common, '--shard', '2/2'], 2, /expected --shard i\/n/],
      [['evaluate', 'vc', ...common, '--window', '1'], 2, /at least 2/],
      [['evaluate', 'tc', ...common], 2, /--frames/],
      [[...tc, '--mode', 'best'], 2, /masked, etc-2020, vspw/],
      [[...tc, '--flow', 'farnebak'], 2, /did you mean farneback/],
      [
        ['evaluate', 'miou', '--pred', 'some', '--gt', 'gt', ...classes],
        1,
        /some: expected a folder or list of label maps/,
      ],
      [['evaluate', 'miou', '--pred', 'out', '--gt', 'gt', '--preset', 'toycity'], 0, /^$/],
      [['merge', 'frames/a_0.png'], 1, /a_0\.png: expected the JSON of steadyseg evaluate/],
    ];
    for (const [args, code, message] of cases) {
      const result = steadyseg(args, folder);
      expect([args, result.code]).toEqual([args, code]);
      if (code !== 0) expect(result.stderr).toMatch(message);
      if (code === 1) expect(result.stderr.trim().split('\n').at(-1)).toMatch(/^steadyseg: /);
    }
  });

  it('goes on with --keep-going, and still fails', () => {
    rmSync(join(folder, 'out', 'labels', 'b_2.png'));
    const refused = steadyseg(tc, folder);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/out: expected a prediction for every frame, found none for b_2/);
    const { code, stdout, stderr } = steadyseg([...tc, '--keep-going', '--json'], folder);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ pairs: 3, skipped: [{ name: 'b_2' }, { name: 'b_1 → b_2' }] });
    expect(stderr).toContain('2 frames, pairs or clips were left out');
  });
});
