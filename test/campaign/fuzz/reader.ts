// A process that reads mutated files of one format, one after another, and says of each how that went.
// Arguments: format, seed, number of the first mutation, how many, folder of the corpus, folder to write the file into.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, SteadysegError } from '#src/base/errors.js';
import { type Format, type FormatName, formats } from './formats.js';
import { mutation, readCorpus } from './mutation.js';
import { MAX_MEGABYTES, type Report } from './readers.js';

// What configurations name by the environment.
process.env.TOY = 'toy';

const [name, seed, first, count, corpusFolder, folder] = process.argv.slice(2);
const { file, read }: Format = formats[name as FormatName];
const path = join(folder, file);
const corpus = readCorpus(corpusFolder, name as FormatName);
mkdirSync(dirname(path), { recursive: true });

for (let index = Number(first); index < Number(first) + Number(count); index++) {
  process.stdout.write(`${JSON.stringify({ index } satisfies Report)}\n`);
  writeFileSync(path, mutation(corpus, name as FormatName, Number(seed), index));
  const results = await Promise.allSettled(read(path));
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const fault = reasons.map(faultOf).find((found) => found !== undefined);
  const report: Report = {
    index,
    refused: reasons.length === results.length,
    megabytes: peakMegabytes(),
    ...(fault !== undefined && { fault }),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
process.exit(0);

/** The largest resident memory so far in MiB; counted anew after a file that took too much. */
function peakMegabytes(): number {
  const found = process.resourceUsage().maxRSS / 1024;
  if (found > MAX_MEGABYTES) {
    try {
      writeFileSync('/proc/self/clear_refs', '5');
    } catch {
      // Elsewhere than on Linux the files after it are blamed, too.
    }
  }
  return found;
}

/** What is wrong with an error; undefined when it is one that a user can act on. */
function faultOf(thrown: unknown): string | undefined {
  const message = messageOf(thrown);
  if (!(thrown instanceof SteadysegError)) return `${thrown instanceof Error ? thrown.stack : message}`;
  // What a file says may read like that.
  const own = message.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  if (/(?<!found )\bundefined\b|\[object |(?<!found |operator |\()\bNaN\b(?! or infinity)/.test(own))
    return `not readable: ${message}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(message))
    return `control characters: ${JSON.stringify(message)}`;
  if (message.length > 8100) return `${message.length} characters: ${message.slice(0, 200)}`;
  return message.includes(basename(path)) ? undefined : `the file is not named: ${message}`;
}
