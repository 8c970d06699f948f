import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { writePicture } from '#src/media/pictures.js';
import { createVideoWriter } from '#src/media/videoWriter.js';
import { randomPixels } from '../segment/pixels.js';
import { normalised, tinyNetwork, twoInputNetwork } from '../segment/tinyNetwork.js';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'steadyseg-cli-predict-'));
const at = (...parts: string[]) => join(folder, ...parts);

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command; `onText` sees what it prints on stderr while it runs. */
function run(
  args: string[],
  onText?: (text: string, interrupt: (signal?: NodeJS.Signals) => void) => void,
): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [main, 'predict', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
      onText?.(stderr, (signal = 'SIGINT') => child.kill(signal));
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}

beforeAll(async () => {
  writeFileSync(at('network.onnx'), tinyNetwork({ classes: 4, free: true, metadata: normalised }));
  writeFileSync(at('many.onnx'), tinyNetwork({ classes: 12 }));
  writeFileSync(at('grey.onnx'), tinyNetwork({ channels: 1 }));
  writeFileSync(at('two.onnx'), twoInputNetwork());
  writeFileSync(at('empty.onnx'), '');
  writeFileSync(at('text.onnx'), 'no model');
  writeFileSync(at('a-file'), '');
  mkdirSync(at('no-pictures'));
  mkdirSync(at('pictures'));
  for (let i = 0; i < 4; i++) await writePicture(at('pictures', `p${i}.png`), randomPixels(12, 16, i));
  mkdirSync(at('one-bad'));
  for (const name of readdirSync(at('pictures'))) {
    writeFileSync(
      at('one-bad', name),
      readFileSync(at('pictures', name)).subarray(0, name === 'p1.png' ? 200 : undefined),
    );
  }
  const writer = await createVideoWriter(at('drive.mp4'), {
    width: 640,
    height: 480,
    frameRate: { numerator: 30, denominator: 1 },
  });
  const image = randomPixels(480, 640);
  for (let i = 0; i < 150; i++) await writer.write(image);
  await writer.close();
  writeFileSync(at('cut.mp4'), readFileSync(at('drive.mp4')).subarray(0, 60_000));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('steadyseg predict', () => {
  it('prints one JSON object with --json, and progress on stderr', async () => {
    const { code, stdout, stderr } = await run([
      at('pictures'),
      ...['--model', at('network.onnx'), '--out', at('out'), '--save', 'labels,confidence', '--threads', '1', '--json'],
      ...['--tile', '8x8', '--scales', '0.75,1', '--flip'],
    ]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^predict {2}1\/4 frames/)]);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ frames: 4, complete: true, tile: '8x8', scales: [0.75, 1], flip: true });
    expect(JSON.parse(readFileSync(at('out', 'predict.json'), 'utf8'))).toEqual(summary);
    expect(readdirSync(at('out')).sort()).toEqual(['confidence', 'labels', 'predict.json']);
  });

  it('tells a scheduler that ended it by the exit code that it is to be run again', async () => {
    let ended = false;
    const args = [at('drive.mp4'), '--model', at('network.onnx'), '--out', at('terminated')];
    const { code, stderr } = await run(args, (text, end) => {
      if (ended || !text.includes('frames/s')) return;
      ended = true;
      end('SIGTERM');
    });
    expect(code).toBe(75);
    expect(stderr).toMatch(/steadyseg: interrupted after \d+ frames; --resume goes on from there/);
  }, 120_000);

  it('finishes the frames under way on Ctrl-C, keeps them, and resumes', async () => {
    const args = [at('drive.mp4'), '-m', at('network.onnx'), '-o', at('stopped'), '--threads', '1'];
    let interrupted = false;
    const stopped = await run(args, (text, interrupt) => {
      if (interrupted || !text.includes('frames/s')) return;
      interrupted = true;
      interrupt();
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/steadyseg: interrupted after \d+ frames; --resume goes on from there/);
    const summary = JSON.parse(readFileSync(at('stopped', 'predict.json'), 'utf8'));
    expect(summary).toMatchObject({ interrupted: true, complete: false });
    expect(summary.frames).toBeLessThan(150);
    expect(readdirSync(at('stopped', 'labels')).length).toBe(summary.frames);
    expect(existsSync(at('stopped', 'overlay.mp4'))).toBe(true);
    const resumed = await run([...args, '--resume', '--limit', `${summary.frames + 3}`, '--json']);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ frames: summary.frames + 3, resumed: summary.frames });
  });

  const model = at('network.onnx');
  it.each([
    ['a missing input', [at('none.mp4'), '-m', model], /cannot read .*none\.mp4: no such file/],
    ['a folder without pictures', [at('no-pictures'), '-m', model], /expected a folder with pictures/],
    ['a video that is cut off', [at('cut.mp4'), '-m', model], /cut\.mp4.*cut off/],
    ['a missing model', [at('pictures'), '-m', at('none.onnx')], /none\.onnx: no such file/],
    ['an empty model', [at('pictures'), '-m', at('empty.onnx')], /expected an ONNX model, found an empty file/],
    ['another file as model', [at('pictures'), '-m', at('text.onnx')], /text\.onnx: expected an ONNX model/],
    ['a network of two inputs', [at('pictures'), '-m', at('two.onnx')], /one input, found 2 \(image, previous\)/],
    ['a network of one channel', [at('pictures'), '-m', at('grey.onnx')], /expected an input of 1×3×height×width/],
    ['too many classes', [at('pictures'), '-m', at('many.onnx'), '--preset', 'camvid'], /11 classes of "camvid".*12/],
    ['no room for the folder', [at('pictures'), '-m', model, '-o', at('a-file', 'out')], /cannot create the folder/],
  ])('fails with one clear line and leaves nothing: %s', async (_, args, message) => {
    const out = at('failed');
    const { code, stdout, stderr } = await run([
      ...args,
      ...(args.includes('-o') ? [] : ['-o', out]),
      '--threads',
      '1',
    ]);
    expect(stderr.trimEnd()).toMatch(message);
    expect([code, stdout, stderr.split('\n').length]).toEqual([1, '', 2]);
    expect(existsSync(out)).toBe(false);
  });

  it('names a corrupt picture, and goes on with --keep-going', async () => {
    const args = [at('one-bad'), '-m', model, '--threads', '1', '-o'];
    const stopped = await run([...args, at('bad')]);
    expect([stopped.code, stopped.stderr]).toEqual([1, expect.stringMatching(/one-bad\/p1\.png: expected a picture/)]);
    const going = await run([...args, at('good'), '--keep-going']);
    expect([going.code, going.stderr]).toEqual([
      1,
      expect.stringMatching(/left out: .*p1\.png[\s\S]*1 frame was left out/),
    ]);
    expect(readdirSync(at('good', 'labels')).sort()).toEqual(['p0.png', 'p2.png', 'p3.png']);
  });

  it.each([
    ['an unknown option', ['--modle', 'x']],
    ['an unknown device', ['-m', model, '--device', 'abacus']],
    ['a wrong shard', ['-m', model, '--shard', '2/2']],
    ['a std of 0', ['-m', model, '--std', '0,1,1']],
    ['a mean that is left out', ['-m', model, '--mean', '1,,2']],
    ['a scale that is left out', ['-m', model, '--scales', '1,']],
    ['a size of nothing', ['-m', model, '--size', '0x8']],
    ['a size that no memory holds', ['-m', model, '--size', '8x99999999999']],
    ['no number', ['-m', model, '--limit', ' ']],
    ['flow for nothing', ['-m', model, '--flow', 'dis']],
    ['frames on either side of a part', ['-m', model, '--smooth', '2', '--every', '2']],
  ])('exits with 2 for wrong usage: %s', async (_, args) => {
    const { code, stderr } = await run([at('pictures'), '-o', at('unused'), ...args]);
    expect([code, stderr.length > 0, existsSync(at('unused'))]).toEqual([2, true, false]);
  });

  it('measures the steadiness of what is there of a video that is cut off, and refuses raw video beforehand', async () => {
    const args = ['-m', model, '--threads', '1', '--steadiness', '-o'];
    const frameRate = { numerator: 10, denominator: 1 };
    const writer = await createVideoWriter(at('short.mp4'), { width: 64, height: 48, frameRate });
    for (let i = 0; i < 12; i++) await writer.write(randomPixels(48, 64, i));
    await writer.close();
    const whole = readFileSync(at('short.mp4'));
    writeFileSync(at('part.mp4'), whole.subarray(0, whole.length / 2));
    const cut = await run([at('part.mp4'), ...args, at('part'), '--keep-going']);
    expect([cut.code, cut.stdout]).toEqual([1, expect.stringMatching(/steady pixels \d/)]);
    const raw = await run([at('cut.mp4'), ...args, at('raw'), '--raw', '8x8,rgb24']);
    expect([raw.code, raw.stderr]).toEqual([2, expect.stringMatching(/--steadiness: expected a video that says/)]);
    expect(existsSync(at('raw'))).toBe(false);
  });

  it('takes the network that ships when none is named, or says that it is not there', async () => {
    const shipped = resolve(import.meta.dirname, '../../models/camvid-steady.onnx');
    const { code, stdout, stderr } = await run([at('pictures'), '-o', at('shipped'), '--limit', '1', '--json']);
    if (existsSync(shipped)) {
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ frames: 1, model: shipped, classes: presetClasses('camvid').classes });
    } else {
      expect([code, stderr]).toEqual([1, expect.stringContaining(`${shipped}: expected the network that comes`)]);
    }
  });
});
