// A process that reads mutated files of one format, one after another, and says of each how that went.
// Arguments: format, seed, number of the first mutation, how many, folder of the corpus, folder to write the file into.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  const bytes = mutation(corpus, name as FormatName, Number(seed), index);
  writeFileSync(path, bytes);
  // To mutate a file may take more than to read it.
  writeFileSync('/proc/self/clear_refs', '5');
  const results = await Promise.allSettled(read(path));
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const fault = reasons.map((reason) => faultOf(reason, bytes)).find((found) => found !== undefined);
  const report: Report = {
    index,
    refused: reasons.length === results.length,
    megabytes: peakMegabytes(),
    ...(fault !== undefined && { fault }),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  // What a process holds it may keep: the files after it are read by another.
  if ((report.megabytes ?? 0) > MAX_MEGABYTES) break;
}
process.exit(0);

/** Most memory since the peak was forgotten. */
function peakMegabytes(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
}

/** What is wrong with an error; undefined when it is one that a user can act on. */
function faultOf(thrown: unknown, bytes: Uint8Array): string | undefined {
  const message = messageOf(thrown);
  if (!(thrown instanceof SteadysegError)) return `${thrown instanceof Error ? thrown.stack : message}`;
  // A file may say such words itself.
  const words = ['undefined', '[object ', 'NaN'].filter((word) => !Buffer.from(bytes).includes(word));
  const word = words.find((one) => message.replace(/NaN or infinity|found NaN/g, '').includes(one));
  if (word !== undefined) return `not readable (${word}): ${message}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(message))
    return `control characters: ${JSON.stringify(message)}`;
  if (message.length > 8100) return `${message.length} characters: ${message.slice(0, 200)}`;
  return message.includes(basename(path)) ? undefined : `the file is not named: ${message}`;
}
