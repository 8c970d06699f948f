// configs/cluster/*.slurm with the programs of Slurm put in their place: signals arrive, and what the scheduler ended runs again.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

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

it('has no file that starts steadyseg by npx, which keeps SIGTERM from it', () => {
  for (const file of readdirSync(configs)) {
    const commands = readFileSync(join(configs, file), 'utf8').replace(/^\s*#.*$/gm, '');
    expect(commands, file).toContain('steadyseg');
    expect(commands, file).not.toMatch(/\bnp[mx]\b/);
  }
});
