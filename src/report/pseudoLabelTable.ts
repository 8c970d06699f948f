// What was kept of each class in a pseudo-labelled set, as text for the terminal.
import type { PseudoLabelReport } from '../segment/pseudoLabels/report.js';
import { renderTable } from './table.js';

/** Class names listed as never predicted, before the rest is only counted. */
const MAX_NAMED = 30;

/** A table by class: its share of the predicted and of the kept pixels, what was kept of it, and the threshold. */
export function renderPseudoLabels(report: PseudoLabelReport): string {
  const { classes, counts, thresholds, pixels, keptPixels, frames } = report;
  const ids = classes.map((_, id) => id);
  const seen = ids.filter((id) => counts.predicted[id] > 0);
  const rows = seen.map((id) => {
    const kept = counts.kept?.[id];
    return [
      classes[id],
      percent(counts.predicted[id], pixels),
      kept === undefined ? undefined : percent(kept, counts.predicted[id]),
      kept === undefined ? undefined : percent(kept, keptPixels ?? 0),
      thresholds?.[id] ?? undefined,
    ];
  });
  const all = ['all', percent(pixels, pixels), keptPixels === null ? undefined : percent(keptPixels, pixels), '', ''];
  const table = renderTable(
    [
      { name: 'class' },
      { name: 'predicted %', decimals: 2 },
      { name: 'kept of it %', decimals: 2 },
      { name: 'of all kept %', decimals: 2 },
      { name: 'threshold', decimals: 6 },
    ],
    rows,
    [all],
  );
  const never = ids.filter((id) => counts.predicted[id] === 0).map((id) => classes[id]);
  const more = never.length > MAX_NAMED ? ` and ${never.length - MAX_NAMED} more` : '';
  const rule =
    report.quantile === null ? `probability ≥ ${report.threshold}` : `the surest ${report.quantile} of each class`;
  const part = report.shard.count > 1 ? `shard ${report.shard.index}/${report.shard.count}: ` : '';
  return [
    table,
    ...(never.length > 0 ? ['', `never predicted: ${never.slice(0, MAX_NAMED).join(', ')}${more}`] : []),
    '',
    `${part}${frames} ${frames === 1 ? 'frame' : 'frames'}, kept: ${rule}`,
  ].join('\n');
}

function percent(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : (100 * part) / whole;
}
