// The result of an evaluation as text for the terminal.
import type { EvaluationResult, Skip, SteadinessResult, TemporalConsistencyResult } from '../metrics/result.js';
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
    case 'steadiness':
      return `visible pixels, ${classes}, ${plural(result.pairs, 'pair')} of ${plural(frames, 'frame')} in ${clips}, flow: ${result.flow}`;
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
  if (result.measure === 'steadiness') return [steadinessTable(result), '', ...steadinessText(result)];
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
  const steady = result.mode === 'masked' ? [steadyText(result)] : [];
  return [renderTable([{ name: 'class' }, ...columns], rows, [mean]), '', ceiling, ...steady];
}

function steadinessTable({ classes, flicker, shares, steady, against }: SteadinessResult): string {
  const names = against
    ? ['share %', 'reference’s', 'flicker %', 'reference’s', 'agreement %']
    : ['share %', 'flicker %'];
  const columns = [{ name: 'class' }, ...names.map((name): TableColumn => ({ name, decimals: 2 }))];
  const cells = (share: number | null, flickers: number | null, at?: number) => {
    const ofReference = at === undefined ? against && 1 - (against.steady ?? Number.NaN) : against?.flicker[at];
    const values = against
      ? [
          share,
          at === undefined ? null : against.shares[at],
          flickers,
          ofReference,
          at === undefined ? null : against.agreement[at],
        ]
      : [share, flickers];
    return values.map((value) => (value == null ? undefined : 100 * value));
  };
  const rows = classes.map((name, at) => [name, ...cells(shares[at], flicker[at], at)]);
  return renderTable(columns, rows, [['all', ...cells(null, steady === null ? null : 1 - steady)]]);
}

function steadinessText(result: SteadinessResult): string[] {
  const { against } = result;
  const own = `${steadyText(result)}: ${percent(result.steady === null ? null : 1 - result.steady)} % of the pixels change their class along the flow`;
  if (!against) return [own];
  const sure = against.sure === null ? 'all of its pixels' : `where it is sure (≥ ${against.sure})`;
  return [
    own,
    `the reference: ${steadyText(against)}`,
    `agreement with the reference, ${sure}: ${percent(result.agreement)} %; total variation of the class shares: ${percent(result.totalVariation)} %`,
  ];
}

function steadyText({ steady, kappa }: Partial<Pick<TemporalConsistencyResult, 'steady' | 'kappa'>>): string {
  return `steady pixels ${percent(steady)} %, temporal kappa ${kappa == null ? '–' : kappa.toFixed(4)} (constant output: 0)`;
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
