// Words of the library about a network: it calls bytes "the model", and the page has a name for them.
import { wordsOf } from './elements.js';

/** @param said an error, or a note. */
export function wordsAbout(name: string, said: unknown): string {
  return wordsOf(said).replace(/^the model\b/, name);
}
