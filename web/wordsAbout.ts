// Words of the library about a network: it calls bytes "the model", and options of the command line what fields of the page are.
import { wordsOf } from './elements.js';

/** @param said an error, or a note. */
export function wordsAbout(name: string, said: unknown): string {
  return wordsOf(said)
    .replace(/^the model\b/, name)
    .replace('--mean, --std and --scale give another', '“Its pixels” gives another');
}
