// `mpirun … steadyseg train`: several processes train as one, refuse what differs, and end together. Skipped without Open MPI.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasEnded, thisProcess } from '#src/base/owner.js';
import { writeToyCity } from '#src/toycity/write.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import { openSafetensors } from '#src/weights/safetensors.js';
import { signalOnceHeard } from '../cli/run.js';
import { mountSmallDisk, unmountDisk } from '../smallDisk.js';

const main = resolve(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
const hasOpenMpi = /Open MPI/.test(spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout ?? '');
if (!hasOpenMpi) console.warn('skipped: several ranks (no Open MPI: mpirun is missing)');

const folder = mkdtempSync(join(tmpdir(), 'steadyseg ranks '));
const configFile = join(folder, 'tiny.yaml');
/** A step of this network is cut in a few places only, which keeps the tests short. */
const tiny = `
network: { architecture: pspnet18, widthMultiplier: 0.0625 }
data: { layout: toycity, root: "${join(folder, 'toy')}" }
crop: [24, 32]
batch: 4
steps: 3
statistics: fixed
dropout: 0.1
losses: { motion: 0.1 }
checkpointEvery: 1
optimizer: { schedule: constant }
threads: 1
`;

beforeAll(async () => {
  if (!hasOpenMpi) return;
  await writeToyCity({ out: join(folder, 'toy'), clips: 4, valClips: 1, frames: 3, height: 24, width: 32, seed: 3 });
  writeFileSync(configFile, tiny);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Launch {
  readonly process: ChildProcess;
  readonly ended: Promise<{ code: number | null; text: string }>;
  /** The process of a rank, once it runs. */
  rank(number: number): Promise<number>;
}

let launches = 0;

/**
 * @param line shell words behind `steadyseg train CONFIG`; `$RANK` is the rank.
 * @param variables of the ranks, beside those of this process.
 */
function launch(ranks: number, line: string, variables: Readonly<Record<string, string>> = {}): Launch {
  const pids = join(folder, `pid ${launches++} `);
  const script = `RANK=$OMPI_COMM_WORLD_RANK; echo $$ > "${pids}$RANK"; exec "${process.execPath}" "${main}" train "${configFile}" ${line}`;
  const child = spawn('mpirun', ['-n', String(ranks), '--allow-run-as-root', '--oversubscribe', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
  return {
    process: child,
    ended: new Promise((done) => child.on('close', (code) => done({ code, text }))),
    async rank(number) {
      const file = `${pids}${number}`;
      while (!existsSync(file) || readFileSync(file, 'utf8') === '') await pause(20);
      return Number(readFileSync(file, 'utf8'));
    },
  };
}

const lossesOf = async (out: string) =>
  (await readMetrics(runFiles(out).metrics)).flatMap((record) => ('losses' in record ? [record.losses.loss] : []));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(20);
}

/** mpirun does not wait for those that it kills. */
async function noneRuns(run: Launch): Promise<void> {
  const self = { ...thisProcess, start: '' };
  for (const rank of [0, 1]) {
    const owner = { ...self, process: await run.rank(rank) };
    await until(() => hasEnded(owner) === true);
  }
}

describe.skipIf(!hasOpenMpi)('ranks over MPI', () => {
  it('train as one, and go on as another number of ranks', async () => {
    const [whole, shared] = ['whole', 'shared'].map((name) => join(folder, name));
    expect(spawnSync(process.execPath, [main, 'train', configFile, '--out', whole]).status).toBe(0);
    const first = await launch(2, `batch=2 steps=2 --out "${shared}"`).ended;
    expect(first.text).toContain('2 ranks, batches of 2 × 2');
    expect(first.code, first.text).toBe(0);
    const second = await launch(4, `batch=1 --resume --out "${shared}"`).ended;
    expect(second.code, second.text).toBe(0);
    // What rank 0 reports stands there once.
    expect(second.text.match(/model\.onnx: 3 steps/g)).toHaveLength(1);
    const [expected, found] = [await lossesOf(whole), await lossesOf(shared)];
    expect(found).toHaveLength(3);
    found.forEach((loss, step) => void expect(Math.abs(loss / expected[step] - 1), `step ${step}`).toBeLessThan(1e-5));
    expect(JSON.parse(readFileSync(runFiles(shared).config, 'utf8')).batch).toBe(4);

    const compressed = join(folder, 'compressed');
    const third = await launch(2, `batch=2 compress=half --out "${compressed}"`).ended;
    expect(third.code, third.text).toBe(0);
    const near = await lossesOf(compressed);
    near.forEach((loss, step) => void expect(Math.abs(loss / expected[step] - 1), `step ${step}`).toBeLessThan(1e-3));
    // The first step's loss is of the same weights; those after it are not.
    expect(near.slice(1)).not.toEqual(found.slice(1));
  }, 240_000);

  it('share the statistics of batch normalisation', async () => {
    const [whole, shared] = ['whole batch', 'shared batch'].map((name) => join(folder, name));
    for (const [ranks, batch, out] of [
      [1, 4, whole],
      [2, 2, shared],
    ] as const) {
      const { code, text } = await launch(ranks, `statistics=batch batch=${batch} steps=2 --out "${out}"`).ended;
      expect(code, text).toBe(0);
    }
    const [[expected], [found]] = [await lossesOf(whole), await lossesOf(shared)];
    expect(Math.abs(found / expected - 1)).toBeLessThan(1e-5);
  }, 240_000);

  it.each([
    ['another configuration', 'seed=$RANK', /another configuration \(seed\), first weights than/],
    ['other data', `data.root="${folder}/toy $RANK"`, /another data than/],
  ])(
    'refuse %s on one of them before the first step',
    async (name, change, difference) => {
      const out = join(folder, name);
      for (const rank of [0, 1]) cpSync(join(folder, 'toy'), join(folder, `toy ${rank}`), { recursive: true });
      // One picture differs, in bytes that are not even pixels.
      const [picture] = readdirSync(join(folder, 'toy 1'), { recursive: true, encoding: 'utf8' }).filter((path) =>
        /train.*leftImg8bit\.png$/.test(path),
      );
      appendFileSync(join(folder, 'toy 1', picture), ' ');
      const { code, text } = await launch(2, `batch=2 ${change} --out "${out}"`).ended;
      expect(code).toBe(1);
      expect(text).toMatch(/rank \d of 2 .*: expected the same run on all ranks, found on rank 1 of 2/);
      expect(text).toMatch(difference);
      expect(existsSync(out)).toBe(false);
    },
    120_000,
  );

  it('end when one is killed, with a whole checkpoint', async () => {
    const out = join(folder, 'killed');
    const run = launch(2, `batch=2 steps=100000 --out "${out}"`);
    await until(() => existsSync(runFiles(out).last));
    process.kill(await run.rank(1), 'SIGKILL');
    const { code, text } = await run.ended;
    await noneRuns(run);
    expect(code).not.toBe(0);
    expect(text).toMatch(/rank 1/);
    await (await openSafetensors(runFiles(out).last)).close();
  }, 240_000);

  const disk = join(folder, 'disk');
  const mounted = hasOpenMpi && mountSmallDisk(disk, 2 ** 21);
  afterAll(() => {
    if (mounted) unmountDisk(disk);
  });
  it.skipIf(!mounted)(
    'end when the disk of rank 0 is full, with the checkpoint before',
    async () => {
      const out = join(disk, 'run');
      const run = launch(2, `batch=2 steps=100000 --out "${out}"`);
      await until(() => existsSync(runFiles(out).last));
      // What is left of the disk: it ends at the first byte that does not fit.
      expect(() => writeFileSync(join(disk, 'filler'), new Uint8Array(2 ** 21))).toThrow('ENOSPC');
      const { code, text } = await run.ended;
      expect(code).toBe(1);
      expect(text).toMatch(/steadyseg: rank 0 of 2 \(.*\): cannot write .*: no space left on the device/);
      await noneRuns(run);
      await (await openSafetensors(runFiles(out).last)).close();
      const left = readdirSync(out, { recursive: true, encoding: 'utf8' });
      expect(left.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
    240_000,
  );

  it.each([
    ['a scheduler ends one', 'SIGTERM', 75],
    ['Ctrl-C reaches one', 'SIGINT', 130],
  ] as const)(
    'end together with a checkpoint when %s, and tell by the exit code',
    async (_, signal, expected) => {
      const out = join(folder, signal);
      const run = launch(2, `batch=2 steps=100000 checkpointEvery=100000 --out "${out}"`);
      await until(async () => (await lossesOf(out)).length > 0);
      process.kill(await run.rank(1), signal);
      const { code, text } = await run.ended;
      expect(code, text).toBe(expected);
      expect(text).toMatch(/ended at step \d+ of 100000; go on with --resume/);
      expect(existsSync(runFiles(out).last)).toBe(true);
    },
    240_000,
  );

  it('end together, with nothing written, when a scheduler ends one before the first step', async () => {
    const out = join(folder, 'early');
    const variables = { NODE_OPTIONS: signalOnceHeard('SIGTERM', "process.env.OMPI_COMM_WORLD_RANK === '1'") };
    const { code, text } = await launch(2, `batch=2 --out "${out}"`, variables).ended;
    expect(text.match(/steadyseg: ended before the first step; nothing was written/g), text).toHaveLength(1);
    expect(code).toBe(75);
    expect(existsSync(out)).toBe(false);
  }, 240_000);

  it('end when Ctrl-C ends mpirun, which kills them soon, with a whole checkpoint', async () => {
    const out = join(folder, 'interrupted');
    const run = launch(2, `batch=2 steps=100000 --out "${out}"`);
    await until(() => existsSync(runFiles(out).last));
    run.process.kill('SIGINT');
    expect((await run.ended).code).not.toBe(0);
    await noneRuns(run);
    await (await openSafetensors(runFiles(out).last)).close();
  }, 240_000);
});

describe('a launch without a library', () => {
  const environment = {
    ...process.env,
    OMPI_COMM_WORLD_RANK: '0',
    OMPI_COMM_WORLD_SIZE: '2',
    STEADYSEG_MPI: '/no/libmpi.so',
  };

  it('says what is missing', () => {
    const { status, stderr } = spawnSync(process.execPath, [main, 'train', 'any.yaml'], {
      env: environment,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^steadyseg: STEADYSEG_MPI: expected an MPI library, found \/no\/libmpi\.so, .*\n$/);
  });
});

it.skipIf(!hasOpenMpi)('says what srun without PMIx lacks, before Open MPI ends', () => {
  const environment = { ...process.env, SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '2' };
  const { status, stderr } = spawnSync(process.execPath, [main, 'train', configFile, '--out', join(folder, 'alone')], {
    env: environment,
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^srun started 2 ranks without PMIx, .*: srun --mpi=pmix, /);
  expect(existsSync(join(folder, 'alone'))).toBe(false);
});
