// Bars by name (a class, a stage): one row each, with a bar or a mark for every series, and the numbers.

import type { Rgb } from '../media/classes.js';
import { percentOf, toneClass } from './figures.js';
import { type Html, html } from './html.js';
import { formatNumber, type NumberFormat } from './number.js';
import { swatch } from './swatch.js';

export interface BarSeries {
  readonly name: string;
  /** `bar` (default), or `mark`: a line across the row's bars, for a bound or a value to compare with. */
  readonly shape?: 'bar' | 'mark' | undefined;
  /** As in figures. Default: the series' number. */
  readonly tone?: number | undefined;
}

export interface BarRow {
  readonly name: string;
  /** The colour of the class in pictures. */
  readonly color?: Rgb | undefined;
  /** One value for each series; undefined or NaN where there is none (an absent class). */
  readonly values: readonly (number | undefined)[];
}

export interface BarsSection {
  readonly kind: 'bars';
  readonly title: string;
  readonly text?: string | undefined;
  readonly series: readonly BarSeries[];
  readonly rows: readonly BarRow[];
  readonly format: NumberFormat;
  /** The value of a full bar. Default 1 for percentages, else the largest value. */
  readonly maximum?: number | undefined;
}

export function renderBars(section: BarsSection): Html {
  const { series, rows, format } = section;
  const values = rows.flatMap((row) => row.values).filter((value) => value !== undefined && Number.isFinite(value));
  const largest = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  const maximum = section.maximum ?? (format === 'percent' ? 1 : largest || 1);
  const toneOf = (k: number) => toneClass(series[k].tone ?? k);
  const share = (row: BarRow, k: number) => {
    const value = row.values[k];
    return value === undefined || Number.isNaN(value) ? undefined : value / maximum;
  };
  const shapes = (row: BarRow, shape: 'bar' | 'mark') =>
    series.map(({ shape: own = 'bar' }, k) => {
      const part = share(row, k);
      if (own !== shape) return undefined;
      if (shape === 'mark') {
        return part !== undefined && html`<span class="mark ${toneOf(k)}" style="left:${percentOf(part)}"></span>`;
      }
      return html`<span class="bar ${toneOf(k)}" style="width:${percentOf(part ?? 0)}"></span>`;
    });
  return html`<div class="legend">${series.map(
    ({ name, shape = 'bar' }, k) => html`<span class="key"><i class="${shape} ${toneOf(k)}"></i>${name}</span>`,
  )}</div>
<div class="rows">${rows.map(
    (row) => html`<div class="row">
<div class="name">${row.color && swatch(row.color)}${row.name}</div>
<div class="track">${shapes(row, 'bar')}${shapes(row, 'mark')}</div>
<div class="numbers">${series.map(
      ({ name }, k) =>
        html`<span class="${toneOf(k)}" title="${name}">${formatNumber(row.values[k], format).replace(' %', '')}</span>`,
    )}</div>
</div>`,
  )}</div>`;
}
