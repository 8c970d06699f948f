// Counts of several runs add up; what a seed has counted anew takes the place of its earlier counts.
import { expect, it } from 'vitest';
import { exceptSeed, fuzzTotals, killTotals, noCounts, withStates } from './counts.js';

const files = (seed: number, count: number) => ({
  seed,
  formats: {
    flo: {
      files: count,
      refused: 1,
      megabytes: 10 * seed,
      seconds: 1,
      findings: [{ index: seed, kind: 'words' as const, what: 'x' }],
    },
  },
});
const killed = (seed: number, kills: number) => ({ seed, commands: { flow: { kills, completed: 1, faults: [] } } });

it('counts of seeds add up', () => {
  const counts = withStates(noCounts, [files(3, 7), files(2, 5)], [killed(1, 4), killed(2, 6)]);
  const { findings, ...tally } = fuzzTotals(counts).get('flo') ?? { findings: [] };
  expect(tally).toEqual({ files: 12, refused: 2, megabytes: 30, seconds: 2 });
  expect(findings.map(({ index }) => index)).toEqual([2, 3]);
  expect(killTotals(counts).get('flow')).toEqual({ kills: 10, completed: 2, faults: [] });
});

it('a seed counts once', () => {
  const before = withStates(noCounts, [files(2, 5), files(3, 7)], [killed(2, 6)]);
  const counts = withStates(before, [files(2, 9)], [killed(2, 8)]);
  expect(fuzzTotals(counts).get('flo')?.files).toBe(16);
  expect(killTotals(counts).get('flow')?.kills).toBe(8);
  expect(fuzzTotals(exceptSeed(counts, 2)).get('flo')?.files).toBe(7);
});
