// Reads as many mutated files of all formats as asked for, in turns; goes on where it was interrupted. Counts, seeds and
// findings are kept in the campaign's state, the files of findings beside it.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keep, kept } from '../state.js';
import { type Format, type FormatName, formatNames, formats } from './formats.js';
import { mutation, readCorpus } from './mutation.js';
import { type Finding, readMutations } from './readers.js';

/** What was read of a format so far. */
export interface FormatTally {
  /** Files read; also the number of the next. */
  readonly files: number;
  readonly refused: number;
  readonly megabytes: number;
  readonly seconds: number;
  /** What was found and still is: a run begins with reading these files again, and lets go of what has been mended. */
  readonly findings: readonly Finding[];
}

export interface FuzzState {
  readonly seed: number;
  readonly formats: Partial<Record<FormatName, FormatTally>>;
}

/** Files that one process reads of the slowest format, and of others as often as their shares say. */
const TURN = 1000;

const none: FormatTally = { files: 0, refused: 0, megabytes: 0, seconds: 0, findings: [] };

export function filesOf({ formats: tallies }: FuzzState): number {
  return Object.values(tallies).reduce((sum, { files }) => sum + files, 0);
}

/**
 * @param total files of all formats together, those of earlier runs and of other seeds included; each format gets its share.
 * @param elsewhere files of each format that runs with other seeds have read.
 * @param work an empty folder for the files under test.
 */
export async function runMarathon(options: {
  readonly total: number;
  readonly elsewhere: (format: FormatName) => number;
  readonly seed: number;
  readonly only: readonly FormatName[];
  readonly statePath: string;
  readonly corpus: string;
  readonly work: string;
  readonly signal: AbortSignal;
  readonly onTurn: (format: FormatName, state: FuzzState, found: readonly Finding[]) => void;
}): Promise<FuzzState> {
  const { total, elsewhere, seed, only, statePath, corpus, work, signal, onTurn } = options;
  let state = kept<FuzzState>(statePath) ?? { seed, formats: {} };
  const change = (format: FormatName, tally: FormatTally) => {
    state = { ...state, formats: { ...state.formats, [format]: tally } };
    keep(statePath, state);
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
  };
  for (const format of only) {
    const tally = state.formats[format];
    if (!tally || tally.findings.length === 0) continue;
    const findings: Finding[] = [];
    for (const { index } of tally.findings) {
      const one = { format, seed, first: index, count: 1, corpus, folder: work };
      findings.push(...(await readMutations(one, signal)).findings);
      if (signal.aborted) return state;
    }
    change(format, { ...tally, findings });
    onTurn(format, state, findings);
  }
  const shares = formatNames.reduce((sum, name) => sum + formats[name].share, 0);
  const wanted = (name: FormatName) => Math.ceil((total * formats[name].share) / shares) - elsewhere(name);
  for (;;) {
    const left = only.filter((name) => (state.formats[name] ?? none).files < wanted(name));
    if (left.length === 0 || signal.aborted) return state;
    for (const format of left) {
      if (signal.aborted) return state;
      const tally = state.formats[format] ?? none;
      const started = performance.now();
      const count = Math.min(TURN * formats[format].share, wanted(format) - tally.files);
      const found = await readMutations({ format, seed, first: tally.files, count, corpus, folder: work }, signal);
      change(format, {
        files: tally.files + found.files,
        refused: tally.refused + found.refused,
        megabytes: Math.max(tally.megabytes, Math.round(found.megabytes)),
        seconds: tally.seconds + (performance.now() - started) / 1000,
        findings: [...tally.findings, ...found.findings],
      });
      keepFiles(join(statePath, '..', 'findings'), format, seed, corpus, found.findings);
      onTurn(format, state, found.findings);
    }
  }
}

function keepFiles(
  folder: string,
  format: FormatName,
  seed: number,
  corpus: string,
  findings: readonly Finding[],
): void {
  if (findings.length === 0) return;
  mkdirSync(folder, { recursive: true });
  const sound = readCorpus(corpus, format);
  const { file }: Format = formats[format];
  for (const { index } of findings) {
    writeFileSync(
      join(folder, `${format}-${seed}-${index}-${file.replaceAll('/', '-')}`),
      mutation(sound, format, seed, index),
    );
  }
}
