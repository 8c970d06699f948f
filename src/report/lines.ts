// Line charts: a measure over frames, pairs or training steps.
import { percentOf, toneClass } from './figures.js';
import { type Html, html } from './html.js';
import { formatNumber, type NumberFormat, niceTicks } from './number.js';

export interface LineSeries {
  readonly name: string;
  /** In the order of x; an undefined or NaN y interrupts the line (a clip ends, nothing was measured). */
  readonly points: readonly { readonly x: number; readonly y: number | undefined }[];
  /** As in figures. Default: the series' number. */
  readonly tone?: number | undefined;
}

/** A point worth finding, drawn as a dot. */
export interface LineMark {
  readonly x: number;
  readonly y: number;
  readonly name: string;
}

export interface LinesSection {
  readonly kind: 'lines';
  readonly title: string;
  readonly text?: string | undefined;
  readonly series: readonly LineSeries[];
  readonly format: NumberFormat;
  /** What x counts: "pair", "step". */
  readonly xName: string;
  readonly marks?: readonly LineMark[] | undefined;
}

/** The drawing's inner units; the picture is stretched to its place, with lines of constant width. */
const WIDTH = 1000;
const HEIGHT = 300;

export function renderLines(section: LinesSection): Html {
  const { series, format, xName, marks = [] } = section;
  const points = series.flatMap((one) => one.points.filter(isDrawn));
  if (points.length === 0) return html`<p class="text">Nothing to draw: no values.</p>`;
  const xs = extent(points.map((point) => point.x));
  const ys = extent(points.map((point) => point.y));
  const yTicks = niceTicks(ys.low, ys.high, 4);
  const [bottom, top] = [yTicks[0], yTicks[yTicks.length - 1]];
  const xTicks = niceTicks(xs.low, xs.high, 5).filter((x) => x >= xs.low && x <= xs.high && Number.isInteger(x));
  const across = (x: number) => (xs.high > xs.low ? (x - xs.low) / (xs.high - xs.low) : 0.5);
  const up = (y: number) => (y - bottom) / (top - bottom);
  const at = (x: number, y: number) =>
    `${Number((across(x) * WIDTH).toFixed(1))} ${Number(((1 - up(y)) * HEIGHT).toFixed(1))}`;
  const tickText = (y: number) =>
    format === 'percent' ? `${Number((y * 100).toFixed(2))} %` : formatNumber(y, format);
  return html`<div class="legend">${series.map(
    ({ name }, k) => html`<span class="key"><i class="line ${toneOf(series, k)}"></i>${name}</span>`,
  )}${marks.length > 0 && html`<span class="key"><i class="dot"></i>${marks.length === 1 ? 'lowest' : `${marks.length} lowest`}, shown below</span>`}</div>
<div class="chart">
<div class="yTicks">${yTicks.map((y) => html`<span style="bottom:${percentOf(up(y))}">${tickText(y)}</span>`)}</div>
<div class="plot">
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${section.title}">
${yTicks.map((y) => html`<path class="rule" d="M${at(xs.low, y)}L${at(xs.high, y)}"/>`)}
${series.map((one, k) => html`<path class="line ${toneOf(series, k)}" d="${pathData(one, at)}"/>`)}
</svg>
${marks.map(
  ({ x, y, name }) =>
    html`<span class="dot" style="left:${percentOf(across(x))};bottom:${percentOf(up(y))}" title="${name}"></span>`,
)}
</div>
<div class="xTicks">${xTicks.map((x) => html`<span style="left:${percentOf(across(x))}">${formatNumber(x, 'count')}</span>`)}</div>
<div class="xName">${xName}</div>
</div>`;
}

function toneOf(series: readonly LineSeries[], k: number): string {
  return toneClass(series[k].tone ?? k);
}

/** SVG path of a series; a lone point between gaps is a line of no length, which round caps show as a dot. */
function pathData({ points }: LineSeries, at: (x: number, y: number) => string): string {
  let data = '';
  let drawing = false;
  for (const point of points) {
    if (!isDrawn(point)) {
      drawing = false;
      continue;
    }
    const place = at(point.x, point.y);
    data += drawing ? `L${place}` : `M${place}L${place}`;
    drawing = true;
  }
  return data;
}

function isDrawn(point: { x: number; y: number | undefined }): point is { x: number; y: number } {
  return point.y !== undefined && Number.isFinite(point.y);
}

function extent(values: readonly number[]): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}
