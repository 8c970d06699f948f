// The fault campaign: runs every case, or those whose names begin with one of --only, and prints and writes the table of results.
// Usage: npm run campaign -- [--only NAME,…] [--rounds N] [--seed S] [--write] [--list]
//        npm run campaign -- --fuzz FILES [--only FORMAT,…] [--seed S]     goes on until so many mutated files were read
//        npm run campaign -- --kills N [--only COMMAND,…] [--seed S]       goes on until each command was killed so often
// Each seed has counts of its own, in the folder --state; --write adds them to test/campaign/counts.json, and to the page.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom, deriveSeed } from '#src/tensor/random.js';
import { cases } from './cases.js';
import { type Counts, exceptSeed, fuzzTotals, killTotals, noCounts, withStates } from './counts.js';
import { makeCorpus } from './fuzz/corpus.js';
import { formatNames } from './fuzz/formats.js';
import { type FuzzState, filesOf, runMarathon } from './fuzz/marathon.js';
import type { Case, Outcome } from './harness.js';
import { makeInputs } from './inputs.js';
import { type KillState, resumableNames, runKillMarathon } from './killMarathon.js';
import { campaignPage } from './page.js';
import { keep, kept } from './state.js';

const inRepository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    fuzz: { type: 'string' },
    kills: { type: 'string' },
    state: { type: 'string', default: inRepository('out/fault-campaign') },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
const page = inRepository('docs/fault-campaign.md');
const countsPath = inRepository('test/campaign/counts.json');
/** What goes on from run to run: counts of each seed, and the files that found something. */
const { state } = values;
const [fuzzPath, killPath] = ['fuzz', 'kills'].map((name) => join(state, `${name}-${seed}.json`));

const isChosen = (name: string) => values.only.split(',').some((start) => name.startsWith(start));
const chosen = cases.filter(({ name }) => isChosen(name));
const endless = values.fuzz !== undefined || values.kills !== undefined;
if (values.list || (chosen.length === 0 && !endless)) {
  for (const { name, fault } of cases) console.log(`${name.padEnd(28)} ${fault}`);
  process.exit(values.list ? 0 : 2);
}

interface Row extends Case {
  readonly outcome: Outcome | { readonly skipped: string };
}

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-campaign-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

// Others may read the inputs: cases run as a user without rights.
process.umask(0o022);
mkdirSync(join(folder, 'inputs'));
const inputs = await makeInputs(join(folder, 'inputs'));
await import('node:fs/promises').then(({ chmod }) => chmod(folder, 0o755));
mkdirSync(state, { recursive: true });
if (endless) {
  if (values.fuzz !== undefined) await fuzzOn(Number(values.fuzz));
  if (values.kills !== undefined) await killOn(Number(values.kills));
  if (values.write) writePage([]);
  process.exit();
}
const rows: Row[] = [];
const started = performance.now();
for (const one of chosen) {
  const begun = performance.now();
  const row = { ...one, outcome: await outcomeOf(one) };
  rows.push(row);
  console.log(`${one.name.padEnd(28)} ${verdict(row).padEnd(8)} ${seen(row)} (${seconds(begun)} s)`);
  const shown = 'faults' in row.outcome ? row.outcome.faults : [];
  for (const fault of shown.slice(0, 12)) console.log(`    ${fault}`);
}
const faulty = rows.filter((row) => verdict(row) === 'broken');
console.log(`${rows.length} cases, ${faulty.length} broken, ${seconds(started)} s`);
if (values.write) writePage(rows);
process.exitCode = faulty.length > 0 ? 1 : 0;

async function fuzzOn(total: number): Promise<void> {
  const corpus = join(folder, 'corpus');
  await makeCorpus(corpus, inputs);
  const elsewhere = fuzzTotals(exceptSeed(counts(), seed));
  const done = await runMarathon({
    ...{ total, seed },
    elsewhere: (format) => elsewhere.get(format)?.files ?? 0,
    only: formatNames.filter(isChosen),
    statePath: fuzzPath,
    corpus,
    work: join(folder, 'work'),
    signal: stopSignal(),
    onTurn(format, now, found) {
      console.log(`${filesOf(now)} files; ${format}: ${now.formats[format]?.files}`);
      for (const { index, kind, what } of found) console.log(`    ${format} ${index}: ${kind}: ${what}`);
    },
  });
  console.log(`${filesOf(done)} files of seed ${seed} in all`);
}

async function killOn(wanted: number): Promise<void> {
  const elsewhere = killTotals(exceptSeed(counts(), seed));
  await runKillMarathon({
    ...{ wanted, seed, inputs },
    elsewhere: (command) => elsewhere.get(command)?.kills ?? 0,
    only: resumableNames.filter(isChosen),
    statePath: killPath,
    work: join(folder, 'kills'),
    signal: stopSignal(),
    onResult(name, { kills, completed }, faults) {
      console.log(`${name}: ${kills} kills, ${completed} results completed`);
      for (const fault of faults) console.log(`    ${fault}`);
    },
  });
}

/** Ends what goes on, in place of the process, at the end of what is under way. */
function stopSignal(): AbortSignal {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.removeAllListeners(signal);
    process.once(signal, () => stopped.abort());
  }
  return stopped.signal;
}

async function outcomeOf(one: Case): Promise<Row['outcome']> {
  const skipped = one.impossible?.();
  if (skipped !== undefined) return { skipped };
  const own = join(folder, one.name.replaceAll('/', '-'));
  mkdirSync(own);
  try {
    return await one.run({ folder: own, inputs, rounds, random: createRandom(deriveSeed(seed, one.name)) });
  } catch (thrown) {
    return {
      runs: 0,
      faults: [`the case itself failed: ${thrown instanceof Error ? thrown.stack : thrown}`],
      seen: '',
    };
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function verdict({ outcome }: Row): string {
  if ('skipped' in outcome) return 'skipped';
  return outcome.faults.length === 0 ? 'kept' : 'broken';
}

function seen({ outcome }: Row): string {
  if ('skipped' in outcome) return outcome.skipped;
  return `${outcome.runs} runs: ${outcome.seen}`;
}

function seconds(from: number): string {
  return ((performance.now() - from) / 1000).toFixed(0);
}

/** The counts that were written, and those of every seed in the state's folder. */
function counts(): Counts {
  const names = readdirSync(state);
  const states = <T>(start: string) =>
    names.filter((name) => name.startsWith(start) && name.endsWith('.json')).map((name) => kept<T>(join(state, name)));
  const known = <T>(list: (T | undefined)[]) => list.filter((one) => one !== undefined);
  const written = kept<Counts>(countsPath) ?? noCounts;
  return withStates(written, known(states<FuzzState>('fuzz-')), known(states<KillState>('kills-')));
}

function writePage(ran: readonly Row[]): void {
  const all = counts();
  keep(countsPath, all);
  const content = {
    names: cases.map(({ name }) => name),
    rows: ran.map((row) => ({ ...row, seen: seen(row), verdict: verdict(row) })),
    counts: all,
  };
  writeFileSync(page, campaignPage(page, content));
}
