// The result of an evaluation as text for the terminal.
import type { EvaluationResult, Skip } from '../metrics/result.js';
import { resultNotes } from './resultNotes.js';
import { renderTable, type TableColumn } from './table.js';

/** How many skips are listed before the rest is only counted. */
const MAX_LISTED = 5;

/** A table by class (of VC, the figure alone), with what was measured and what was left out. */
export function renderResult(result: EvaluationResult): string {
  const { shard } = result;
  const part = shard.count > 1 ? `shard ${shard.index}/${shard.count}: ` : '';
  const notes = resultNotes(result).map((note) => `note: ${note}`);
  return [...body(result), '', part + basisText(result), ...notes, ...skips(result.skipped)].join('\n');
}

/** What a figure rests on: mode or convention, flow, classes, and how much was measured. */
export function basisText(result: EvaluationResult): string {
  const clips = plural(result.clips.length, 'clip');
  const classes = `${result.classes.length} classes (${result.classSet})`;
  const frames = result.clips.reduce((sum, clip) => sum + clip.frames, 0);
  switch (result.measure) {
    case 'miou':
      return `${result.convention}, ${classes}, ${plural(result.frames, 'frame')}`;
    case 'tc':
      return `${result.mode}, ${classes}, ${plural(result.pairs, 'pair')} of ${plural(frames, 'frame')} in ${clips}, flow: ${result.flow}`;
    case 'vc':
      return `${result.convention}, ${classes}, ${plural(result.windows, 'window')} of ${result.window} frames, ${plural(frames, 'frame')} in ${clips}`;
  }
}

function body(result: EvaluationResult): string[] {
  if (result.measure === 'vc') return [`VC-${result.window} ${percent(result.vc)} %`];
  const column = (name: string): TableColumn => ({ name, decimals: 2 });
  const cell = (value: number | null | undefined) => (value == null ? undefined : 100 * value);
  if (result.measure === 'miou') {
    const { target } = result.counts;
    const rows = result.classes.map((name, id) => {
      const accuracy = target[id] > 0 ? result.counts.intersection[id] / target[id] : undefined;
      return [name, cell(result.iou[id]), cell(accuracy)];
    });
    const mean = ['mean', cell(result.mIoU), cell(result.mAcc)];
    const table = renderTable([{ name: 'class' }, column('IoU %'), column('accuracy %')], rows, [mean]);
    return [table, '', `mIoU ${percent(result.mIoU)} %, accuracy over all pixels ${percent(result.allAcc)} %`];
  }
  const { labels } = result;
  const columns = [column('TC %'), ...(labels ? [column('IoU %'), column('labels’ own TC %')] : [])];
  const rows = result.classes.map((name, id) => {
    const ofLabels = labels ? [cell(labels.iou[id]), cell(labels.tcIou[id])] : [];
    return [name, cell(result.iou[id]), ...ofLabels];
  });
  const mean = ['mean', cell(result.tc), ...(labels ? [cell(result.mIoU), cell(result.labelsTc)] : [])];
  const ceiling = labels
    ? `TC ${percent(result.tc)} %, mIoU ${percent(result.mIoU)} % (${labels.convention}, ${plural(labels.frames, 'labelled frame')}), the labels’ own TC, the ceiling: ${percent(result.labelsTc)} % (${plural(labels.pairs, 'pair')})`
    : `TC ${percent(result.tc)} % (constant output scores highest: with --gt, mIoU and the labels’ own TC stand beside it)`;
  return [renderTable([{ name: 'class' }, ...columns], rows, [mean]), '', ceiling];
}

function skips(skipped: readonly Skip[]): string[] {
  if (skipped.length === 0) return [];
  const listed = skipped.slice(0, MAX_LISTED).map(({ name, reason }) => `  ${name}: ${reason}`);
  const more = skipped.length > MAX_LISTED ? [`  and ${skipped.length - MAX_LISTED} more`] : [];
  return [`left out: ${skipped.length}`, ...listed, ...more];
}

function percent(value: number | null | undefined): string {
  return value == null ? '–' : (100 * value).toFixed(2);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
