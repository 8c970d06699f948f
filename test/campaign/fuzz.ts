// Fuzzed files of every format: each is read as a command reads it, in a process of its own that may crash without ending the campaign.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case } from './harness.js';

/** The formats, and by what each is read. */
export const fuzzed = {
  onnx: '.onnx (read, compiled by ONNX Runtime, run on a frame)',
  pth: '.pth (converted)',
  safetensors: '.safetensors (converted)',
  flo: '.flo (read)',
  png: 'PNG (read as a frame and as a label map)',
  yaml: 'YAML (read as a training configuration and as a class file)',
} as const;
export type Fuzzed = keyof typeof fuzzed;

/** What a reader process says of each mutation, a line each. */
export interface Report {
  readonly index: number;
  readonly fault?: string;
  readonly refused?: boolean;
}

/** A reader takes a moment for a file of some kilobytes. */
const HANG_MILLISECONDS = 20_000;
const mutationsPerRound = 100;

const child = fileURLToPath(new URL('./fuzzReader.js', import.meta.url));

/** Reads mutations `from` … `count - 1` in a process. @returns how many it got through, and what it ended with */
function readMutations(format: Fuzzed, seed: number, from: number, count: number, folder: string) {
  return new Promise<{ reports: Report[]; end: string | undefined }>((resolve) => {
    const reports: Report[] = [];
    const args = [child, format, String(seed), String(from), String(count), join(folder, `mutated.${format}`)];
    const reader = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [text, errors] = ['', ''];
    let hung = false;
    const start = () =>
      setTimeout(() => {
        hung = true;
        reader.kill('SIGKILL');
      }, HANG_MILLISECONDS);
    let limit = start();
    reader.stdout.on('data', (chunk: Buffer) => {
      clearTimeout(limit);
      limit = start();
      const lines = (text + chunk.toString()).split('\n');
      text = lines.pop() ?? '';
      reports.push(...lines.map((line): Report => JSON.parse(line)));
    });
    reader.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-300);
    });
    reader.on('close', (code, signal) => {
      clearTimeout(limit);
      const how = hung ? 'it hung' : `ended by ${signal ?? `exit code ${code}`}: ${errors.trim()}`;
      resolve({ reports, end: code === 0 && !hung ? undefined : how });
    });
  });
}

export const fuzz: readonly Case[] = Object.entries(fuzzed).map(([name, what]) => ({
  name: `fuzz/${name}`,
  fault: `mutated ${what}`,
  promise: 'read, or refused in a line that names the file; no crash, no wait',
  async run({ folder, rounds, random }) {
    const count = rounds * mutationsPerRound;
    const seed = random.integer(2 ** 31);
    const faults: string[] = [];
    let refused = 0;
    for (let from = 0; from < count; ) {
      const { reports, end } = await readMutations(name as Fuzzed, seed, from, count, folder);
      refused += reports.filter((report) => report.refused).length;
      for (const { index, fault } of reports) if (fault) faults.push(`mutation ${index} of seed ${seed}: ${fault}`);
      if (end === undefined) break;
      if (reports.length === 0 && from === 0) return { runs: 0, faults: [end], seen: '' };
      from = (reports.at(-1)?.index ?? from - 1) + 1;
      faults.push(`mutation ${from} of seed ${seed}: ${end}`);
      from++;
    }
    return { runs: count, faults, seen: `${refused} of ${count} refused` };
  },
}));
