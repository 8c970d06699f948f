// configs/cluster/*.slurm with the programs of Slurm put in their place: signals arrive, and what the scheduler ended runs again.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';

const configs = resolve(import.meta.dirname, '..', '..', 'configs', 'cluster');
const folder = mkdtempSync(join(tmpdir(), 'steadyseg cluster '));
const programs = join(folder, 'programs');
const own = join(folder, 'node_modules', '.bin');

function program(path: string, script: string): void {
  writeFileSync(path, `#!/bin/bash\n${script}\n`, { mode: 0o755 });
}

beforeAll(() => {
  mkdirSync(programs);
  mkdirSync(own, { recursive: true });
  // Drops its own options, then signals the task that it started, as Slurm signals no more than that.
  program(
    join(programs, 'srun'),
    'while [[ $1 == --* ]]; do shift; done; "$@" & if [ -n "$SIGNAL" ]; then sleep 0.5; kill -TERM $!; fi; wait $!',
  );
  program(join(programs, 'scontrol'), 'echo scontrol "$@"');
  program(
    join(own, 'steadyseg'),
    'trap "exit 75" TERM; echo steadyseg "$@"; [ -z "$SIGNAL" ] || for k in {1..300}; do sleep 0.1; done; exit "$CODE"',
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const jobs = [
  { file: 'train.slurm', given: ['a b.yaml', 'run', 'steps=3'], runs: 'train a b.yaml steps=3 --out run --resume' },
  {
    file: 'predict.slurm',
    given: ['videos', 'm.onnx', 'out'],
    runs: 'predict videos --model m.onnx --out out --resume',
  },
];

function submit(file: string, given: readonly string[], environment: Record<string, string>) {
  const { PATH = '' } = process.env;
  const slurm = { SLURM_JOB_ID: '7', SLURM_CPUS_PER_TASK: '2', SIGNAL: '', CODE: '0', ...environment };
  const env = { ...process.env, ...slurm, PATH: `${programs}:${PATH}` };
  const { status, stdout } = spawnSync('bash', [join(configs, file), ...given], { cwd: folder, env, encoding: 'utf8' });
  return { status, lines: stdout.trimEnd().split('\n') };
}

it.each(jobs)('$file runs again what a signal ended, and nothing else', ({ file, given, runs }) => {
  expect(submit(file, given, { SIGNAL: 'TERM' })).toEqual({
    status: 0,
    lines: [`steadyseg ${runs}`, 'scontrol requeue 7'],
  });
  for (const code of [0, 1]) {
    expect(submit(file, given, { CODE: String(code) })).toEqual({ status: code, lines: [`steadyseg ${runs}`] });
  }
});

interface Container {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
}

/** The containers of a manifest, wherever they stand in it. */
function containersOf(part: unknown): Container[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) =>
    key === 'containers' ? (value as Container[]) : containersOf(value),
  );
}

/** What a file has its launcher start, or starts itself, as words. */
function startedBy(file: string): string[][] {
  const text = readFileSync(join(configs, file), 'utf8');
  if (file.endsWith('.slurm')) {
    const lines = text.replaceAll('\\\n', ' ').split('\n');
    const launched = lines.filter((line) => line.startsWith('srun '));
    return launched.map((line) => line.split(/\s+/).filter((word, k) => k > 0 && !word.startsWith('--')));
  }
  // Other containers run what their image says. Options of mpirun have a value, and --mca has two.
  return containersOf(parse(text)).flatMap(({ command, args = [] }) =>
    command
      ? [
          [...command, ...args]
            .join(' ')
            .replace(/^mpirun (--mca \S+ \S+ |-\S+ \S+ )*/, '')
            .split(' '),
        ]
      : [],
  );
}

it.each(readdirSync(configs))('%s has steadyseg itself started: npx would keep SIGTERM from it', (file) => {
  const started = startedBy(file);
  expect(started.map(([program]) => program)).toEqual(['steadyseg']);
  expect(started[0][1]).toBe(file.split('.')[0]);
});
