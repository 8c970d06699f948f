// YAML of files, whose nesting is bounded before anything is built of it: readers of nested values call themselves.
import { Lexer, Parser } from 'yaml';
import { SteadysegError } from './errors.js';

/** No configuration nests deeper; readers fail at some thousands. */
const MAX_DEPTH = 100;

/** What the lexer puts between the pieces of the text: documents, the end of a flow, scalars that follow. */
const marks = new Set(['\u0002', '\u0018', '\u001f', '\ufeff']);

/** @throws SteadysegError naming `source` and the line, for text that nests too deeply. */
export function checkNesting(text: string, source: string): void {
  const parser = new Parser();
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    // Nothing is done with what the parser gives: how deep it is within a value is what counts.
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH) {
      const line = text.slice(0, offset).split('\n').length;
      throw new SteadysegError(`${source}, line ${line}: expected values nested at most ${MAX_DEPTH} deep, found more`);
    }
    if (!marks.has(lexeme)) offset += lexeme.length;
  }
}
