// Counts of all runs that were written to the page, an entry a seed: mutated files, and kills of commands.
import type { FormatName } from './fuzz/formats.js';
import type { FormatTally, FuzzState } from './fuzz/marathon.js';
import type { KillState } from './killMarathon.js';
import type { KillTally } from './kills.js';

export interface Counts {
  readonly fuzz: readonly FuzzState[];
  readonly kills: readonly KillState[];
}

export const noCounts: Counts = { fuzz: [], kills: [] };

/** The counts with those of newer states, each in place of the entry of its seed. */
export function withStates(counts: Counts, fuzz: readonly FuzzState[], kills: readonly KillState[]): Counts {
  return { fuzz: replaced(counts.fuzz, fuzz), kills: replaced(counts.kills, kills) };
}

function replaced<T extends { readonly seed: number }>(before: readonly T[], newer: readonly T[]): T[] {
  const bySeed = new Map([...before, ...newer].map((state) => [state.seed, state]));
  return [...bySeed.values()].sort((a, b) => a.seed - b.seed);
}

/** What was read of each format, all seeds together. */
export function fuzzTotals({ fuzz }: Counts): Map<FormatName, FormatTally> {
  const totals = new Map<FormatName, FormatTally>();
  for (const [key, tally] of fuzz.flatMap(({ formats }) => Object.entries(formats))) {
    const name = key as FormatName;
    const before = totals.get(name);
    totals.set(name, before ? sum(before, tally) : tally);
  }
  return totals;
}

function sum(a: FormatTally, b: FormatTally): FormatTally {
  return {
    files: a.files + b.files,
    refused: a.refused + b.refused,
    megabytes: Math.max(a.megabytes, b.megabytes),
    seconds: a.seconds + b.seconds,
    findings: [...a.findings, ...b.findings],
  };
}

/** What became of each command that was killed, all seeds together. */
export function killTotals({ kills }: Counts): Map<string, KillTally> {
  const totals = new Map<string, KillTally>();
  for (const [name, tally] of kills.flatMap(({ commands }) => Object.entries(commands))) {
    const { kills: killed, completed, faults } = totals.get(name) ?? { kills: 0, completed: 0, faults: [] };
    totals.set(name, {
      kills: killed + tally.kills,
      completed: completed + tally.completed,
      faults: [...faults, ...tally.faults],
    });
  }
  return totals;
}

/** The counts of runs with other seeds. */
export function exceptSeed(counts: Counts, seed: number): Counts {
  return {
    fuzz: counts.fuzz.filter((state) => state.seed !== seed),
    kills: counts.kills.filter((state) => state.seed !== seed),
  };
}
