// The fault campaign: runs every case, or those whose names begin with one of --only, and prints and writes the table of results.
// Usage: npm run campaign -- [--only NAME,…] [--rounds N] [--seed S] [--write] [--list]
//        npm run campaign -- --fuzz FILES [--only FORMAT,…] [--seed S]     goes on until so many mutated files were read
//        npm run campaign -- --kills N [--only COMMAND,…] [--seed S]       goes on until each command was killed so often
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom, deriveSeed } from '#src/tensor/random.js';
import { cases } from './cases.js';
import { makeCorpus } from './fuzz/corpus.js';
import { formatNames } from './fuzz/formats.js';
import { filesOf, runMarathon } from './fuzz/marathon.js';
import type { Case, Outcome } from './harness.js';
import { makeInputs } from './inputs.js';
import { resumableNames, runKillMarathon } from './killMarathon.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    fuzz: { type: 'string' },
    kills: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
const page = fileURLToPath(new URL('../../../docs/fault-campaign.md', import.meta.url));
/** What goes on from run to run: counts of fuzzed files, and the files that found something. */
const state = fileURLToPath(new URL('../../fault-campaign/', import.meta.url));

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
if (endless) {
  mkdirSync(state, { recursive: true });
  if (values.fuzz !== undefined) await fuzzOn(Number(values.fuzz));
  if (values.kills !== undefined) await killOn(Number(values.kills));
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
if (values.write) writeFileSync(page, document(rows));
process.exitCode = faulty.length > 0 ? 1 : 0;

async function fuzzOn(total: number): Promise<void> {
  const corpus = join(folder, 'corpus');
  await makeCorpus(corpus, inputs);
  const begun = await runMarathon({
    total,
    seed,
    only: formatNames.filter(isChosen),
    statePath: join(state, 'fuzz.json'),
    corpus,
    work: join(folder, 'work'),
    signal: stopSignal(),
    onTurn(format, now, found) {
      console.log(`${filesOf(now)} files; ${format}: ${now.formats[format]?.files}`);
      for (const { index, kind, what } of found) console.log(`    ${format} ${index}: ${kind}: ${what}`);
    },
  });
  console.log(`${filesOf(begun)} files in all`);
}

async function killOn(wanted: number): Promise<void> {
  await runKillMarathon({
    ...{ wanted, seed, inputs },
    only: resumableNames.filter(isChosen),
    statePath: join(state, 'kills.json'),
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

function document(all: readonly Row[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const lines = all.map(
    (row) => `| \`${row.name}\` | ${[row.fault, row.promise, seen(row), verdict(row)].map(cell).join(' | ')} |`,
  );
  return `# Fault campaign

\`\`\`sh
npm run campaign -- --rounds ${rounds} --seed ${seed} --write
\`\`\`

runs the commands under faults, judges what they leave and say, and writes this table. It makes its own inputs. A promise is
kept when no run broke it. Moments are random: another seed, or another machine, tries others.

| case | fault | promise | seen | verdict |
| --- | --- | --- | --- | --- |
${lines.join('\n')}
`;
}
