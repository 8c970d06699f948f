// How a measure of many classes went: a small curve for each, on one scale, with its last and its best value.
import type { Rgb } from '../media/classes.js';
import { type Html, html } from './html.js';
import { formatNumber } from './number.js';
import { swatch } from './swatch.js';

export interface HistorySection {
  readonly kind: 'history';
  readonly title: string;
  readonly text?: string | undefined;
  /** What the values were measured at, growing. */
  readonly xs: readonly number[];
  /** Shares 0..1, one for each x; NaN where there was none, which interrupts the curve. */
  readonly rows: readonly { readonly name: string; readonly color: Rgb; readonly values: readonly number[] }[];
}

/** The drawing's inner units, as of lines. */
const [WIDTH, HEIGHT] = [300, 30];

export function renderHistory({ xs, rows }: HistorySection): Html {
  const [first, span] = [xs[0] ?? 0, Math.max(1, (xs.at(-1) ?? 0) - (xs[0] ?? 0))];
  const top = Math.max(...rows.flatMap(({ values }) => values.filter((value) => !Number.isNaN(value))), 0.01);
  const place = (k: number, value: number) =>
    `${Number((((xs[k] - first) / span) * WIDTH).toFixed(1))} ${Number(((1 - value / top) * HEIGHT).toFixed(1))}`;
  const pathOf = (values: readonly number[]) =>
    values
      .map((value, k) => {
        if (Number.isNaN(value)) return '';
        const at = place(k, value);
        // A lone value is a line of no length, which round caps show as a dot.
        return k > 0 && !Number.isNaN(values[k - 1]) ? `L${at}` : `M${at}L${at}`;
      })
      .join('');
  const percent = (value: number | undefined) => formatNumber(value, 'percent');
  return html`<div class="histories">${rows.map(({ name, color, values }) => {
    const measured = values.filter((value) => !Number.isNaN(value));
    const best = measured.length > 0 ? Math.max(...measured) : undefined;
    return html`<div class="history">
<div class="name">${swatch(color)}<span>${name}</span></div>
<div class="numbers"><span>${percent(measured.at(-1))}</span><small>best ${percent(best)}</small></div>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${name}">
<path class="rule" d="M0 ${HEIGHT}L${WIDTH} ${HEIGHT}"/><path class="line" d="${pathOf(values)}"/>
</svg>
</div>`;
  })}</div>`;
}
