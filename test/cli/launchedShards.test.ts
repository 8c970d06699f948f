// Commands that take their shard from a launcher: all shards together give the bytes of one run. Those of mpirun are skipped without Open MPI.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeLabelMap } from '#src/media/labels.js';
import { writePicture } from '#src/media/pictures.js';
import { writeModel } from '#src/onnx/write.js';
import { labelsByName } from '#src/tensor/random.js';
import { texture } from '../flow/frames.js';
import { adaptableModel, normalised, tinyNetwork } from '../segment/tinyNetwork.js';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');
const hasOpenMpi = /Open MPI/.test(spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout ?? '');
const folder = mkdtempSync(join(tmpdir(), 'steadyseg shards '));
afterAll(() => rmSync(folder, { recursive: true }));

const [width, height, classes] = [48, 32, 4];

/** Three clips: one shard has two of them. */
beforeAll(async () => {
  mkdirSync(join(folder, 'frames'));
  writeFileSync(join(folder, 'network.onnx'), tinyNetwork({ classes, free: true, metadata: normalised }));
  writeFileSync(join(folder, 'adaptable.onnx'), writeModel(adaptableModel({ height, width, metadata: normalised })));
  for (const clip of [0, 1, 2]) {
    for (let t = 0; t < 3; t++) {
      const stem = `x_00000${clip}_00000${t}.png`;
      await writePicture(join(folder, 'frames', stem), texture(width, height, clip * 7 + t * 2));
      const data = labelsByName(stem, [height, width], classes).data as Uint8Array;
      await writeLabelMap(join(folder, 'labels', stem), { width, height, data });
    }
  }
}, 120_000);

/** @param line shell words behind `steadyseg`. */
function run(line: string, variables: Readonly<Record<string, string>> = {}): string {
  const command = `exec "${process.execPath}" "${main}" ${line}`;
  const env = { ...process.env, ...variables };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: folder, env, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout;
}

const launchers: readonly [name: string, launch: (line: string) => void][] = [
  [
    'an indexed Kubernetes job',
    (line) => {
      for (const index of ['0', '1']) {
        run(line.replaceAll('$SHARD', index), { JOB_COMPLETION_INDEX: index, JOB_COMPLETIONS: '2' });
      }
    },
  ],
  [
    'ranks of mpirun',
    (line) => {
      const command = `SHARD=$OMPI_COMM_WORLD_RANK; exec "${process.execPath}" "${main}" ${line}`;
      const args = ['-n', '2', '--allow-run-as-root', '--oversubscribe', 'sh', '-c', command];
      const { status, stderr } = spawnSync('mpirun', args, { cwd: folder, encoding: 'utf8' });
      expect(status, stderr).toBe(0);
    },
  ],
];

/** What a folder holds by name, but for what tells of the run itself: records, and how long it took. */
function results(name: string): Map<string, string> {
  const root = join(folder, name);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    files.flatMap((file) => {
      const isRecord = /^(predict|flow|pseudo-label-\d+-of-2).*\.json$|\.jsonl$|\.txt$/.test(file);
      const path = join(root, file);
      return statSync(path).isFile() && !isRecord ? [[file, readFileSync(path, 'base64')]] : [];
    }),
  );
}

describe.each(launchers)('shards of %s', (launcher, launch) => {
  const skipped = launcher.includes('mpirun') && !hasOpenMpi;

  it.skipIf(skipped).each([
    ['predict', 'predict frames -m network.onnx --threads 1 --save labels,confidence', 18],
    ['label', 'pseudo-label frames -m network.onnx --threads 1 --quantile 0.5', 10],
    ['compute the flow of', 'flow frames --method dis-fast --backward --threads 1', 12],
  ])(
    '%s what one run would',
    (_, line, count) => {
      const [name] = line.split(' ');
      // The first launcher's whole run does for the others.
      if (!existsSync(join(folder, name))) run(`${line} --out ${name}`);
      launch(`${line} --out "${name} ${launcher}"`);
      if (name === 'pseudo-label') run(`merge "${name} ${launcher}"/pseudo-label-*-of-2.json`);
      const whole = results(name);
      expect(whole.size).toBe(count);
      expect(results(`${name} ${launcher}`)).toEqual(whole);
    },
    120_000,
  );

  it.skipIf(skipped)(
    'adapt as one run, once all have formed their part of the consensus',
    () => {
      const out = `adapted by ${launcher}.onnx`;
      const line = 'adapt frames -m adaptable.onnx --steps 2 --limit 4 --threads 1 --flow dis-fast';
      if (!existsSync(join(folder, 'whole.onnx'))) run(`${line} -o whole.onnx`);
      launch(`${line} -o "${out}"`);
      expect(existsSync(join(folder, out))).toBe(false);
      run(`${line} -o "${out}"`);
      expect(readFileSync(join(folder, out)).equals(readFileSync(join(folder, 'whole.onnx')))).toBe(true);
    },
    120_000,
  );

  it.skipIf(skipped).each(['miou --pred labels --gt labels', 'steadiness frames --pred labels --flow dis-fast'])(
    'measure what one run measures: %s',
    (measure) => {
      const line = `evaluate ${measure} --preset camvid --json`;
      launch(`${line} > $SHARD.json`);
      expect(run('merge 1.json 0.json --json')).toBe(run(line));
    },
    120_000,
  );
});
