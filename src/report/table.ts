// Tables in the terminal.
import { stripVTControlCharacters } from 'node:util';

export interface TableColumn {
  readonly name: string;
  /** Digits after the point of its numbers. Default 4. */
  readonly decimals?: number | undefined;
}

export type TableCell = string | number | undefined;

/**
 * A table as text: numbers on the right, words on the left, columns two spaces apart, a dash for what is undefined or NaN.
 * @param rows one cell for each column; @param summary rows below a rule, such as the mean.
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly TableCell[])[],
  summary: readonly (readonly TableCell[])[] = [],
): string {
  const all = [...rows, ...summary];
  const numeric = columns.map(
    (_, k) => all.length > 0 && all.every((row) => typeof row[k] !== 'string' || row[k] === ''),
  );
  const header = columns.map(({ name }) => printable(name));
  const format = (row: readonly TableCell[]) => columns.map(({ decimals = 4 }, k) => cellText(row[k], decimals));
  const body = rows.map(format);
  const footer = summary.map(format);
  const widths = columns.map((_, k) => Math.max(...[header, ...body, ...footer].map((row) => displayWidth(row[k]))));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, k) => {
        const space = ' '.repeat(widths[k] - displayWidth(cell));
        return numeric[k] ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width, 2 * (columns.length - 1)));
  return [
    line(header),
    rule,
    ...body.map(line),
    ...(footer.length > 0 && body.length > 0 ? [rule] : []),
    ...footer.map(line),
  ].join('\n');
}

function cellText(cell: TableCell, decimals: number): string {
  if (cell === undefined || Number.isNaN(cell)) return '–';
  if (typeof cell === 'string') return printable(cell);
  return Number.isInteger(cell) && decimals === 0 ? String(cell) : cell.toFixed(decimals);
}

/** Text without what would move the cursor or break the line: names come from files. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}/gu, '\ufffd');
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Characters that terminals show two cells wide: East Asian scripts, their full-width forms, and emoji. */
const wide =
  /^(?![\uff61-\uffdc])[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|\ufe0f/u;
const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Width of a text in terminal cells. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (!invisible.test(segment)) width += wide.test(segment) ? 2 : 1;
  }
  return width;
}
