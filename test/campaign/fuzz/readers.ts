// Runs the process that reads mutated files, watches its time and memory, and starts it again after a file that ended it.
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FormatName } from './formats.js';

/** What the process says of each mutation, a line before it reads it and a line after. */
export interface Report {
  readonly index: number;
  readonly fault?: string;
  /** Absent in the line before. */
  readonly refused?: boolean;
  readonly megabytes?: number;
}

/** A mutation that was not refused as it should be. */
export interface Finding {
  readonly index: number;
  readonly kind: 'crash' | 'hang' | 'memory' | 'words';
  readonly what: string;
}

export interface Tally {
  /** Files read. */
  readonly files: number;
  readonly refused: number;
  /** Most memory that the process had while a file was read, in MiB. */
  readonly megabytes: number;
  readonly findings: readonly Finding[];
}

/** Seconds of processor time, and of any time, in which a file must be read: a busy machine has no time of its own. */
const MAX_PROCESSOR_SECONDS = 10;
const MAX_SECONDS = 60;
export const MAX_MEGABYTES = 1024;
/** Clock ticks a second, as Linux counts in /proc. */
const TICKS = 100;
const POLL_MILLISECONDS = 500;
/** So much of what native code said when it ended the process. */
const SAID = 400;

const reader = fileURLToPath(new URL('./reader.js', import.meta.url));

export interface Work {
  readonly format: FormatName;
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  readonly corpus: string;
  /** Where the mutated file is written. */
  readonly folder: string;
}

/**
 * Reads mutations; one that ends the process counts, and the next process begins after it. When the signal stops it, what
 * was read until then counts.
 */
export async function readMutations(work: Work, signal?: AbortSignal): Promise<Tally> {
  const findings: Finding[] = [];
  let [files, refused, megabytes] = [0, 0, 0];
  const end = work.first + work.count;
  for (let first = work.first; first < end && !signal?.aborted; ) {
    const { reports, ended } = await once({ ...work, first, count: end - first }, signal);
    for (const report of reports) {
      if (report.refused === undefined) continue;
      files++;
      if (report.refused) refused++;
      const used = report.megabytes ?? 0;
      megabytes = Math.max(megabytes, used);
      const { index, fault } = report;
      if (fault !== undefined) findings.push({ index, kind: 'words', what: fault });
      if (used > MAX_MEGABYTES) findings.push({ index, kind: 'memory', what: `${Math.round(used)} MiB` });
    }
    if (signal?.aborted) break;
    const last = reports.at(-1);
    if (last === undefined) throw new Error(`${work.format}: the reader does not start: ${ended?.what}`);
    // It was announced, not finished.
    if (ended && last.refused === undefined) {
      files++;
      findings.push({ index: last.index, ...ended });
    }
    first = last.index + 1;
  }
  return { files, refused, megabytes, findings };
}

type Ended = Pick<Finding, 'kind' | 'what'>;

function once(
  { format, seed, first, count, corpus, folder }: Work,
  signal?: AbortSignal,
): Promise<{ reports: Report[]; ended: Ended | undefined }> {
  return new Promise((resolve) => {
    const args = [
      '--max-old-space-size=768',
      reader,
      format,
      String(seed),
      String(first),
      String(count),
      corpus,
      folder,
    ];
    // Into a file: to be woken for every line would cost more than most files take to read.
    mkdirSync(folder, { recursive: true });
    const said = join(folder, 'reports.jsonl');
    const output = openSync(said, 'w');
    const child = spawn(process.execPath, args, { stdio: ['ignore', output, 'pipe'] });
    let errors = '';
    let hung: string | undefined;
    let [size, began, before] = [0, performance.now(), processorSeconds(child.pid)];
    const watch = setInterval(() => {
      const now = fstatSync(output).size;
      if (now > size) {
        [size, began, before] = [now, performance.now(), processorSeconds(child.pid)];
        return;
      }
      const seconds = (performance.now() - began) / 1000;
      const processor = processorSeconds(child.pid) - before;
      if (processor <= MAX_PROCESSOR_SECONDS && seconds <= MAX_SECONDS) return;
      hung = `${processor.toFixed(0)} s of processor time, ${seconds.toFixed(0)} s in all`;
      child.kill('SIGKILL');
    }, POLL_MILLISECONDS);
    const stop = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', stop);
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-SAID);
    });
    child.on('close', (code, ending) => {
      clearInterval(watch);
      closeSync(output);
      signal?.removeEventListener('abort', stop);
      // The last piece is empty, or a line that a kill cut off.
      const lines = readFileSync(said, 'utf8').split('\n').slice(0, -1);
      const reports = lines.map((line): Report => JSON.parse(line));
      if (hung !== undefined) resolve({ reports, ended: { kind: 'hang', what: hung } });
      else if (code === 0) resolve({ reports, ended: undefined });
      else resolve({ reports, ended: { kind: 'crash', what: `${ending ?? `exit code ${code}`}: ${errors.trim()}` } });
    });
  });
}

function processorSeconds(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}
