// `steadyseg train` as a user runs it: the report is there after every validation and at every ending.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeToyCity } from '#src/toycity/write.js';
import { signalOnceHeard, steadyseg } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-train-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'));

beforeAll(async () => {
  await writeToyCity({ out: join(folder, 'toy'), clips: 2, valClips: 1, frames: 5, height: 32, width: 48, seed: 3 });
  const config = `
network: { architecture: pspnet18, widthMultiplier: 0.0625 }
data: { layout: toycity, root: toy }
crop: [32, 48]
batch: 2
steps: 4
validation: { every: 2 }
`;
  writeFileSync(join(folder, 'tiny.yaml'), config);
});

const report = (run: string) => readFileSync(join(folder, run, 'report.html'), 'utf8');
/** Of the report's details. */
const detail = (run: string, name: string) => new RegExp(`<dt>${name}</dt><dd>([^<]*)<`).exec(report(run))?.[1];

describe('steadyseg train', { timeout: 180_000 }, () => {
  it('leaves a report of the whole run, its flow and its command', () => {
    const { code, stdout, stderr } = steadyseg(['train', 'tiny.yaml', '--out', 'run', '--json'], folder);
    expect(stderr).toContain('step 2: mIoU');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ steps: 4, report: join('run', 'report.html') });
    expect(detail('run', 'Command')).toBe('steadyseg train tiny.yaml --out run --json');
    expect(detail('run', 'Steps')).toBe('4');
    expect(report('run')).toContain('4 pairs, masked, flow: given');
    expect(report('run')).toContain('IoU by class over the run');
    expect(report('run')).toContain('Which classes are taken for which');
    // Frames 0, 1, 3 and 4 of five.
    expect([...report('run').matchAll(/<h3>[^<]*_(\d{6})[^<]*</g)].map((match) => Number(match[1]))).toEqual([
      0, 1, 3, 4,
    ]);
    for (const name of ['best.onnx', 'last.onnx']) expect(existsSync(join(folder, 'run', name))).toBe(true);
  });

  it('leaves a report of what was done when the run fails', () => {
    const args = ['train', 'tiny.yaml', 'optimizer.rate=1e30', '--out', 'exploded'];
    const { code, stderr } = steadyseg(args, folder);
    expect(code).toBe(1);
    expect(stderr).toContain('lower optimizer.rate');
    expect(Number(detail('exploded', 'Steps'))).toBeLessThan(4);
  });

  it('has the report after a validation, and at the end of a run that Ctrl-C ends', async () => {
    const changes = ['steps=100000', 'validation.every=3', 'checkpointEvery=100000'];
    const child = spawn(process.execPath, [main, 'train', 'tiny.yaml', ...changes, '--out', 'stopped'], {
      cwd: folder,
    });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    const path = join(folder, 'stopped', 'report.html');
    while (!existsSync(path) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
    const validated = Number(detail('stopped', 'Steps'));
    expect(validated % 3).toBe(0);
    const { mtimeMs } = statSync(path);
    child.kill('SIGINT');
    expect(await ended).not.toBe(0);
    const steps = Number(detail('stopped', 'Steps'));
    expect(statSync(path).mtimeMs).toBeGreaterThan(mtimeMs);
    const lines = readFileSync(join(folder, 'stopped', 'metrics.jsonl'), 'utf8').split('\n');
    expect(steps).toBe(lines.filter((line) => line.includes('"losses"')).length);
    expect(steps).toBeGreaterThan(0);

    const resumed = steadyseg(['train', 'tiny.yaml', `steps=${steps + 1}`, '--out', 'stopped', '--resume'], folder);
    expect(resumed.stderr).not.toContain('expected');
    expect(resumed.code).toBe(0);
    expect(detail('stopped', 'Steps')).toBe(String(steps + 1));
  });

  it.each([
    ['a scheduler', 'SIGTERM', 75],
    ['Ctrl-C', 'SIGINT', 130],
  ] as const)(
    'leaves nothing where %s ends it before the first step, and says that it may be run again',
    (_, signal, code) => {
      const variables = { NODE_OPTIONS: signalOnceHeard(signal) };
      const ended = steadyseg(['train', 'tiny.yaml', '--out', signal], folder, variables);
      expect(ended.stderr).toMatch(
        /^ending before the next step.*\nsteadyseg: ended before the first step; nothing was written, and the same command begins it again\n$/,
      );
      expect(ended.code).toBe(code);
      expect(existsSync(join(folder, signal))).toBe(false);
    },
  );
});
