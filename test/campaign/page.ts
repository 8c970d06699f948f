// docs/fault-campaign.md: the last run of every case, and the counts of what goes on from run to run.
import { existsSync, readFileSync } from 'node:fs';
import { type Counts, fuzzTotals, killTotals } from './counts.js';
import { formatNames, formats } from './fuzz/formats.js';
import { filesOf } from './fuzz/marathon.js';

export interface PageRow {
  readonly name: string;
  readonly fault: string;
  readonly promise: string;
  readonly seen: string;
  readonly verdict: string;
}

export interface PageContent {
  /** Names of all cases, in order. */
  readonly names: readonly string[];
  /** Those that ran now. */
  readonly rows: readonly PageRow[];
  readonly counts: Counts;
}

/** The page anew: rows that are not given, and what was written by hand, are those of the page as it is. */
export function campaignPage(path: string, { names, rows, counts }: PageContent): string {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const known = new Map(
    [...before.matchAll(/^\| `([^`]+)` \|.*$/gm)].map(([line, name]): [string, string] => [name, line]),
  );
  for (const { name, ...row } of rows) {
    known.set(name, `| \`${name}\` | ${[row.fault, row.promise, row.seen, row.verdict].map(cell).join(' | ')} |`);
  }
  const lines = names.flatMap((name) => known.get(name) ?? []);
  return `# Fault campaign

\`\`\`sh
npm run campaign -- --write                        # every case; --only NAME,… for some
npm run campaign -- --fuzz 1000000                 # mutated files, in the background; goes on where it ended
npm run campaign -- --kills 200                    # kills of each command that resumes; likewise
\`\`\`

runs the commands under faults, judges what they leave and say, and writes this page. It makes its own inputs. A promise is
kept when no run broke it. Moments are random: another seed, or another machine, tries others. A row is of the last run of its
case that was written.

## Mutated files

${fuzzText(counts)}

${byHand(before, 'Found and mended')}${byHand(before, 'Against 0.1.0')}## Kills

${killText(counts)}

## Cases

| case | fault | promise | seen | verdict |
| --- | --- | --- | --- | --- |
${lines.join('\n')}
`;
}

/** A section of the page that no run writes. */
function byHand(before: string, title: string): string {
  return new RegExp(`^## ${title}\\n[^]*?(?=^## )`, 'm').exec(before)?.[0] ?? '';
}

function fuzzText(counts: Counts): string {
  const totals = fuzzTotals(counts);
  const rows = formatNames.flatMap((name) => {
    const tally = totals.get(name);
    if (!tally) return [];
    const { files, refused, megabytes, findings } = tally;
    const found = ['crash', 'hang', 'memory', 'words'].map(
      (kind) => findings.filter((one) => one.kind === kind).length,
    );
    return `| ${[name, cell(formats[name].what), files, refused, megabytes, ...found].join(' | ')} |`;
  });
  const seeds = counts.fuzz.map((state) => `${filesOf(state)} of seed ${state.seed}`);
  const all = counts.fuzz.reduce((sum, state) => sum + filesOf(state), 0);
  return `${all} files so far (${seeds.join(', ')}): mutated by their structure, as bytes, or both, and read in a
process that is watched. A hang is 10 s of processor time or a minute in all, memory more than 1 GiB, words an error that is not
one line for people. Columns count what is not mended yet.

| format | | files | refused | most MiB | crashes | hangs | memory | words |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}`;
}

function killText(counts: Counts): string {
  const rows = [...killTotals(counts)].map(
    ([name, { kills, completed, faults }]) => `| ${name} | ${kills} | ${completed} | ${faults.length} |`,
  );
  return `Processes ended by SIGKILL at random moments, up to six times for a result, which is then compared with that of a run
without a kill, byte for byte but for times.

| command | kills | results compared | faults |
| --- | --- | --- | --- |
${rows.join('\n')}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
