// docs/fault-campaign.md: the last run of every case, and the counts of what goes on from run to run.
import { existsSync, readFileSync } from 'node:fs';
import { type FormatName, formatNames, formats } from './fuzz/formats.js';
import { type FuzzState, filesOf } from './fuzz/marathon.js';
import type { KillState } from './killMarathon.js';

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
  readonly fuzz: FuzzState | undefined;
  readonly kills: KillState | undefined;
}

/** The page anew: rows and counts that are not given are those of the page as it is. */
export function campaignPage(path: string, { names, rows, fuzz, kills }: PageContent): string {
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

${section(before, 'Mutated files', fuzz && fuzzText(fuzz))}${section(before, 'Found and mended', undefined)}${section(before, 'Kills', kills && killText(kills))}## Cases

| case | fault | promise | seen | verdict |
| --- | --- | --- | --- | --- |
${lines.join('\n')}
`;
}

/** A section of the page: as given, or as it was, such as one written by hand. */
function section(before: string, title: string, text: string | undefined): string {
  if (text !== undefined) return `## ${title}\n\n${text}\n\n`;
  return new RegExp(`^## ${title}\\n[^]*?(?=^## )`, 'm').exec(before)?.[0] ?? '';
}

function fuzzText(state: FuzzState): string {
  const known = formatNames.filter((name) => state.formats[name]);
  const rows = known.map((name) => {
    const { files, refused, megabytes, findings } = state.formats[name] ?? none;
    const counts = ['crash', 'hang', 'memory', 'words'].map(
      (kind) => findings.filter((one) => one.kind === kind).length,
    );
    return `| ${name} | ${cell(formats[name as FormatName].what)} | ${[files, refused, megabytes, ...counts].join(' | ')} |`;
  });
  return `${filesOf(state)} files so far (seed ${state.seed}): mutated by their structure, as bytes, or both, and read in a process that is
watched. A hang is 10 s of processor time or a minute in all, memory more than 1 GiB, words an error that is not one line for
people. Columns count what is not mended yet.

| format | | files | refused | most MiB | crashes | hangs | memory | words |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}`;
}

const none = { files: 0, refused: 0, megabytes: 0, findings: [] };

function killText(state: KillState): string {
  const rows = Object.entries(state).map(
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
