// The main results of a report: large numbers side by side, each with a gauge.
import { type Html, html } from './html.js';
import { formatNumber, type NumberFormat } from './number.js';

export interface Figure {
  readonly name: string;
  /** Undefined shows a dash; say why in `hint`. */
  readonly value: number | undefined;
  readonly format: NumberFormat;
  /** A few words below the number. */
  readonly hint?: string | undefined;
  /** A share 0..1 to mark on the gauge of a percentage, such as the ceiling that it could reach. */
  readonly mark?: number | undefined;
  /** Which of the report's colours it has; figures and the bars that detail them share one. Default 0. */
  readonly tone?: number | undefined;
}

/** Colours of the report, one class name `tone-N` each; more series than this repeat them. */
export const TONES = 4;

/** The class name of a tone. */
export function toneClass(tone: number): string {
  return `tone-${tone % TONES}`;
}

/** A share 0..1 as a CSS length. */
export function percentOf(share: number): string {
  return `${Number((Math.min(1, Math.max(0, share)) * 100).toFixed(3))}%`;
}

export function renderFigures(figures: readonly Figure[]): Html {
  return html`<div class="figures">${figures.map(renderFigure)}</div>`;
}

function renderFigure({ name, value, format, hint, mark, tone = 0 }: Figure): Html {
  const gauge = format === 'percent' && value !== undefined && !Number.isNaN(value);
  return html`<div class="figure ${toneClass(tone)}">
<div class="name">${name}</div>
<div class="value">${formatNumber(value, format)}</div>
${
  gauge &&
  html`<div class="track"><span class="bar" style="width:${percentOf(value)}"></span>${
    mark !== undefined && html`<span class="mark" style="left:${percentOf(mark)}"></span>`
  }</div>`
}
${hint !== undefined && html`<div class="hint">${hint}</div>`}
</div>`;
}
