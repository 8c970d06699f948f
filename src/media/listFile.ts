// List files: paths in columns on each line, relative to the list.
import { dirname, extname, isAbsolute, join } from 'node:path';
import { SteadysegError } from '../base/errors.js';
import { exists, readFileBounded } from '../base/files.js';

/** What list files are called. */
export const listExtensions: readonly string[] = ['.txt', '.lst'];

/** A list of more bytes is no list of frames (a million lines take 100 MB). */
const MAX_LIST_BYTES = 1 << 28;

/** A line that is not blank, with its number from 1. */
export interface ListedLine {
  /** All of it. */
  readonly text: string;
  readonly columns: readonly string[];
  readonly line: number;
}

/** Whether a path is called like a list file. */
export function isListPath(path: string): boolean {
  return listExtensions.includes(extname(path).toLowerCase());
}

/** Where a path of a list leads. */
export function pathInList(list: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(list), path);
}

/**
 * Reads a list. A line that is the path of a file as it stands (it may hold spaces) is one column; else columns are parted
 * by tabs, or by spaces where there is no tab.
 * @throws SteadysegError when there is no line, or the file cannot be read.
 */
export async function readList(list: string): Promise<ListedLine[]> {
  const text = new TextDecoder().decode(await readFileBounded(list, MAX_LIST_BYTES));
  const lines: ListedLine[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const trimmed = content.trim();
    if (trimmed === '') continue;
    const whole = !/\s/.test(trimmed) || (await exists(pathInList(list, trimmed)));
    const columns = whole ? [trimmed] : trimmed.split(trimmed.includes('\t') ? /\t+/ : /\s+/);
    lines.push({ text: trimmed, columns, line: index + 1 });
  }
  if (lines.length > 0) return lines;
  throw new SteadysegError(`${list}: expected a path on each line, found none`);
}
