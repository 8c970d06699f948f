// A report as data, and its HTML: one self-contained file without scripts or requests, to read on a phone, on a desk and on paper.
import { writeFileWhole } from '../base/files.js';
import { type BarsSection, renderBars } from './bars.js';
import { type Figure, renderFigures } from './figures.js';
import { type HistorySection, renderHistory } from './history.js';
import { type Html, html, markup } from './html.js';
import { type LinesSection, renderLines } from './lines.js';
import { type MatrixSection, renderMatrix } from './matrix.js';
import { type PicturesSection, renderPictures } from './pictures.js';
import { styleSheet } from './style.js';
import { renderTableSection, type TableSection } from './tableSection.js';

/** A part of a report below a heading. */
export type Section = BarsSection | HistorySection | LinesSection | MatrixSection | PicturesSection | TableSection;

/** A report as data; `renderReport` makes it HTML. */
export interface Report {
  readonly title: string;
  /** One line below the title. */
  readonly subtitle?: string | undefined;
  /** The main results, side by side in large type. */
  readonly figures: readonly Figure[];
  /** Sentences below them: how to read the figures, what was left out. */
  readonly notes?: readonly string[] | undefined;
  readonly sections: readonly Section[];
  /** What the results rest on (convention, flow source, counts, the command), by name. */
  readonly details: readonly (readonly [name: string, value: string])[];
  /** Their heading. Default `Details`. */
  readonly detailsTitle?: string | undefined;
}

/** The report as one HTML document. */
export function renderReport(report: Report): string {
  const { title, subtitle, figures, notes = [], sections, details, detailsTitle = 'Details' } = report;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<style>${markup(styleSheet)}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
${subtitle !== undefined && html`<p class="subtitle">${subtitle}</p>`}
</header>
${figures.length > 0 && renderFigures(figures)}
${notes.length > 0 && html`<div class="notes">${notes.map((note) => html`<p>${note}</p>`)}</div>`}
${sections.map(renderSection)}
${
  details.length > 0 &&
  html`<section class="details">
<h2>${detailsTitle}</h2>
<dl>${details.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
</section>`
}
</main>
</body>
</html>
`;
  return document.markup;
}

/** Writes a report, whole or not at all. */
export async function writeReport(path: string, report: Report): Promise<void> {
  await writeFileWhole(path, renderReport(report));
}

function renderSection(section: Section): Html {
  return html`<section class="${section.kind}">
<h2>${section.title}</h2>
${section.text !== undefined && html`<p class="text">${section.text}</p>`}
${renderBody(section)}
</section>
`;
}

function renderBody(section: Section): Html {
  switch (section.kind) {
    case 'bars':
      return renderBars(section);
    case 'history':
      return renderHistory(section);
    case 'lines':
      return renderLines(section);
    case 'matrix':
      return renderMatrix(section);
    case 'pictures':
      return renderPictures(section);
    case 'table':
      return renderTableSection(section);
  }
}
