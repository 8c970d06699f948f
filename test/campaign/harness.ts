// What the fault campaign's cases share: running the command line under a fault, and judging what it said and left behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Random } from '#src/tensor/random.js';
import type { Inputs } from './inputs.js';

/** The command line under test: this one's, or that of another build, to see that cases tell the two apart. */
export const main = process.env.STEADYSEG_CAMPAIGN_MAIN ?? fileURLToPath(import.meta.resolve('#src/cli/main.js'));

/** A run that takes longer hangs: each of the campaign's takes seconds. */
const HANG_MILLISECONDS = 90_000;

/** Process groups that run, ended with the campaign. */
const groups = new Set<number>();
process.once('exit', () => {
  for (const group of groups) kill(group);
});

function kill(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** What a case works with. */
export interface Context {
  /** A folder of the case's own, empty. */
  readonly folder: string;
  readonly inputs: Inputs;
  /** How often each random fault is tried. */
  readonly rounds: number;
  readonly random: Random;
}

/** What a case found. */
export interface Outcome {
  /** Runs of the command line, or files read. */
  readonly runs: number;
  /** Promises that were broken; empty when all were kept. */
  readonly faults: readonly string[];
  /** What was seen, in a few words. */
  readonly seen: string;
}

/** A row of the campaign: one fault against one command. */
export interface Case {
  /** `fault/command`. */
  readonly name: string;
  /** What is done to the command. */
  readonly fault: string;
  /** What is checked. */
  readonly promise: string;
  /** Why it cannot be tried here, when it cannot. */
  readonly impossible?: () => string | undefined;
  run(context: Context): Promise<Outcome>;
}

export interface RunOptions {
  /** Kills the process and its children after so many milliseconds. */
  readonly killAfter?: number | undefined;
  /** Called as soon as the process runs; what it does is awaited with the run. */
  readonly meanwhile?: ((child: ChildProcess) => Promise<void>) | undefined;
  /** A command before node, such as `prlimit`. */
  readonly before?: readonly string[] | undefined;
  readonly nodeOptions?: readonly string[] | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Runs as this user; root only. */
  readonly user?: number | undefined;
  readonly cwd?: string | undefined;
  /** After so many milliseconds it counts as hung. */
  readonly limit?: number | undefined;
}

export interface Run {
  readonly command: string;
  /** Exit code; undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
  /** It did not end by itself in time. */
  readonly hung: boolean;
  /** Largest resident memory in MiB, where the system tells. */
  readonly peakMegabytes: number;
}

/** Runs the built command line, as a user does. */
export async function steadyseg(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const command = [...(options.before ?? []), process.execPath, ...(options.nodeOptions ?? []), main, ...args];
  const started = performance.now();
  const child = spawn(command[0], command.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a kill reaches what it started.
    detached: true,
    ...(options.user !== undefined && { uid: options.user, gid: options.user }),
  });
  const group = child.pid;
  if (group !== undefined) groups.add(group);
  const end = () => {
    if (group !== undefined) kill(group);
  };
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    return chunks;
  });
  let hung = false;
  let peakMegabytes = 0;
  const limit = setTimeout(() => {
    hung = true;
    end();
  }, options.limit ?? HANG_MILLISECONDS);
  const killing = options.killAfter === undefined ? undefined : setTimeout(end, options.killAfter);
  const poll = setInterval(() => {
    peakMegabytes = Math.max(peakMegabytes, peakOf(child.pid));
  }, 100);
  const closed = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve([code, signal]));
  });
  try {
    const [[code, signal]] = await Promise.all([closed, options.meanwhile?.(child)]);
    return {
      command: `steadyseg ${args.join(' ')}`,
      code: code ?? undefined,
      signal: signal ?? undefined,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
      milliseconds: performance.now() - started,
      hung,
      peakMegabytes,
    };
  } finally {
    clearTimeout(limit);
    clearTimeout(killing);
    clearInterval(poll);
    end();
    if (group !== undefined) groups.delete(group);
  }
}

function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Waits until a path exists, or the child has ended. */
export async function untilExists(path: string, child: ChildProcess): Promise<void> {
  while (!existsSync(path) && child.exitCode === null && child.signalCode === null) await sleep(2);
}

/** Lines of progress and of notes about frames left out, which are no errors. */
const harmless =
  /^(note: |steadyseg: flow is no longer cached|\w[\w -]* {2}\d+(\/\d+)? |left out: |.*: \d+ samples, |step \d+: mIoU|left out \d+ tensors|all frames are segmented)/;
/** What no error may show: internals instead of words. */
const unreadable =
  /unexpected error|\bundefined\b|\[object |(?<!found )\bNaN\b|^\s+at .*[:(]\d|node:internal|\b(Type|Range|Reference|Syntax)Error\b/m;

/**
 * Whether a run that must fail did so readably: by itself, with code 1 or 2, one line that names one of `named`.
 * @returns what is wrong with it; empty when nothing is
 */
export function refusal(run: Run, named: readonly string[]): string[] {
  const faults = ended(run);
  if (faults.length > 0) return faults;
  if (run.code === 0) return [`${run.command}: it succeeded where an error was expected`];
  if (run.code !== 1 && run.code !== 2) faults.push(`${run.command}: exit code ${run.code} (${tail(run)})`);
  const lines = run.stderr.split('\n').filter((line) => line.trim() !== '' && !harmless.test(line));
  const errors = lines.filter((line) => /^(steadyseg|error): ./.test(line));
  if (errors.length !== 1 || lines.length !== 1) faults.push(`${run.command}: expected one line, found: ${tail(run)}`);
  if (unreadable.test(lines.join('\n'))) faults.push(`${run.command}: not readable: ${tail(run)}`);
  if (named.length > 0 && !named.some((name) => run.stderr.includes(name))) {
    faults.push(`${run.command}: names none of ${named.join(', ')}: ${tail(run)}`);
  }
  return faults;
}

/** Whether a run succeeded. */
export function success(run: Run): string[] {
  const faults = ended(run);
  if (faults.length > 0) return faults;
  return run.code === 0 ? [] : [`${run.command}: exit code ${run.code}: ${tail(run)}`];
}

/** Whether a run ended by itself, in whatever way: either success or a readable refusal. */
export function successOrRefusal(run: Run, named: readonly string[]): string[] {
  return run.code === 0 && !run.hung ? [] : refusal(run, named);
}

function ended(run: Run): string[] {
  if (run.hung) return [`${run.command}: it hung`];
  return run.signal ? [`${run.command}: ended by ${run.signal}: ${tail(run)}`] : [];
}

/** The end of what a run said. */
export function tail(run: Run): string {
  const text = run.stderr.trim().replace(/\s*\n\s*/g, ' ⏎ ');
  return text.length > 300 ? `…${text.slice(-300)}` : text || 'nothing on stderr';
}

/** The files below a folder with a hash of each; temporary files included. */
export function contents(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(folder)) return found;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(relative(folder, path), createHash('sha256').update(readFileSync(path)).digest('hex'));
  }
  return found;
}

/** A moment within a run of so many milliseconds. */
export function moment(random: Random, milliseconds: number): number {
  return Math.round(random.uniform() * milliseconds);
}
