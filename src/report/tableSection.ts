// A table in a report.
import { type Html, html } from './html.js';
import { formatNumber, type NumberFormat } from './number.js';

export interface TableSection {
  readonly kind: 'table';
  readonly title: string;
  readonly text?: string | undefined;
  /** A column with a format holds numbers, and is aligned on the right. */
  readonly columns: readonly { readonly name: string; readonly format?: NumberFormat | undefined }[];
  /** One cell for each column. */
  readonly rows: readonly (readonly (string | number | undefined)[])[];
}

export function renderTableSection({ columns, rows }: TableSection): Html {
  const side = (k: number) => (columns[k].format === undefined ? 'left' : 'right');
  const text = (cell: string | number | undefined, k: number) =>
    typeof cell === 'string' ? cell : formatNumber(cell, columns[k].format ?? 'number');
  return html`<div class="scroll"><table>
<thead><tr>${columns.map(({ name }, k) => html`<th class="${side(k)}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, k) => html`<td class="${side(k)}">${text(cell, k)}</td>`)}</tr>`)}</tbody>
</table></div>`;
}
