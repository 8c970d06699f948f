// A confusion matrix: a row for each labelled class, shaded by what its pixels were predicted as, and the largest mistakes in words.
import type { Rgb } from '../media/classes.js';
import { percentOf } from './figures.js';
import { type Html, html } from './html.js';
import { formatNumber } from './number.js';
import { swatch } from './swatch.js';

export interface MatrixSection {
  readonly kind: 'matrix';
  readonly title: string;
  readonly text?: string | undefined;
  readonly classes: readonly { readonly name: string; readonly color: Rgb }[];
  /** Pixels: a row for each labelled class, a column for each predicted one; a column more for predictions that are none. */
  readonly counts: readonly (readonly number[])[];
}

/** Mistakes told in words; a phone shows the matrix in parts. */
const toldMistakes = 8;

/** Classes whose numbers fit into a page beside each other; the cells of more are only shaded. */
const MAX_NUMBERED = 24;

const none = { name: 'no class', color: [0, 0, 0] as const };

export function renderMatrix({ classes, counts }: MatrixSection): Html {
  const sums = counts.map((row) => row.reduce((sum, pixels) => sum + pixels, 0));
  const share = (row: number, column: number) => counts[row][column] / sums[row];
  const rows = classes.map((one, id) => ({ ...one, id })).filter(({ id }) => sums[id] > 0);
  const columns = [...classes, none]
    .map((one, id) => ({ ...one, id }))
    .filter(({ id }) => sums[id] > 0 || counts.some((row) => row[id] > 0));
  const mistakes = rows
    .flatMap((row) => columns.map((column) => ({ row, column, share: share(row.id, column.id) })))
    .filter(({ row, column, share }) => row.id !== column.id && share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, toldMistakes);
  const text = (value: number) =>
    columns.length > MAX_NUMBERED || value < 0.005 ? '' : String(Math.round(100 * value));
  const cell = (row: (typeof rows)[number], column: (typeof columns)[number]) => {
    const value = share(row.id, column.id);
    const side = row.id === column.id ? 'hit' : 'miss';
    const dark = value >= 0.5 ? ' dark' : '';
    return html`<td class="${side}${dark}" style="--share:${percentOf(value)}" title="${row.name} as ${column.name}: ${formatNumber(value, 'percent')}">${text(value)}</td>`;
  };
  return html`<div class="scroll"><table class="matrix">
<thead><tr><th></th>${columns.map(({ name, color }) => html`<th>${swatch(color)}<span>${name}</span></th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr><th>${swatch(row.color)}<span>${row.name}</span></th>${columns.map((column) => cell(row, column))}</tr>`)}</tbody>
</table></div>
${
  mistakes.length > 0 &&
  html`<ul class="mistakes">${mistakes.map(({ row, column, share }) => html`<li>${formatNumber(share, 'percent')} of ${row.name} as ${column.name}</li>`)}</ul>`
}`;
}
