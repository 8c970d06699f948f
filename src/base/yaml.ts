// YAML of files and arguments: its nesting is bounded before anything is built of it, since readers of nested values call
// themselves, and reading ends at the first piece that belongs nowhere.
import { type CST, type Document, Lexer, Parser, parseDocument } from 'yaml';
import { SteadysegError } from './errors.js';

/** No configuration nests deeper; readers fail at some thousands. */
const MAX_DEPTH = 100;

/** What the lexer puts between the pieces of the text: documents, the end of a flow, scalars that follow. */
const marks = new Set(['\u0002', '\u0018', '\u001f', '\ufeff']);

/** A text that was read, or what is wrong with it and where. */
export type YamlText =
  | { readonly document: Document.Parsed; readonly fault?: undefined }
  | { readonly document?: undefined; readonly fault: string };

/**
 * Reads one document.
 * @throws SteadysegError naming `source` and the line, for text that nests too deeply.
 */
export function readYaml(text: string, source: string): YamlText {
  const stray = firstStray(text, source);
  if (stray) return { fault: `${stray.message} ${placeOf(stray.offset, text)}` };
  // The library's own descriptions of faults take the time of all that is before them, for each.
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'error' });
  const [error] = document.errors;
  return error ? { fault: `${error.message} ${placeOf(error.pos[0], text)}` } : { document };
}

/** The first piece that belongs to no document. Nothing else is done with what the parser gives. */
function firstStray(text: string, source: string): CST.ErrorToken | undefined {
  const parser = new Parser();
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) if (token.type === 'error') return token;
    if (parser.stack.length > MAX_DEPTH) {
      throw new SteadysegError(
        `${source}, line ${lineOf(offset, text)}: expected values nested at most ${MAX_DEPTH} deep, found more`,
      );
    }
    if (!marks.has(lexeme)) offset += lexeme.length;
  }
  return undefined;
}

function placeOf(offset: number, text: string): string {
  return `at line ${lineOf(offset, text)}, column ${offset - text.lastIndexOf('\n', offset - 1)}`;
}

/** From 1. */
function lineOf(offset: number, text: string): number {
  return text.slice(0, offset).split('\n').length;
}
