// The quick part of the fault campaign; all of it: npm run campaign.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '#src/tensor/random.js';
import { cases } from './cases.js';
import { type Inputs, makeInputs } from './inputs.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg campaign '));
let inputs: Inputs;
beforeAll(async () => {
  mkdirSync(join(folder, 'inputs'));
  inputs = await makeInputs(join(folder, 'inputs'));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a campaign', () => {
  const quick = cases.filter(({ name }) => ['kill/convert', 'together/convert'].includes(name));
  it.each(quick.map((one) => [one.name, one] as const))('%s: every promise is kept', async (name, one) => {
    const own = join(folder, name.replaceAll('/', ' '));
    mkdirSync(own);
    const outcome = await one.run({ folder: own, inputs, rounds: 1, random: createRandom(1) });
    expect(outcome.runs).toBeGreaterThan(0);
    expect(outcome.faults).toEqual([]);
  });

  it('has cases of distinct names', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
});
