// The report of an evaluation: temporal consistency, mIoU and the labels' own consistency side by side, by class, over time, and the worst pairs.

import type { Rgb } from '../media/classes.js';
import type { Figure } from './figures.js';
import type { LineMark } from './lines.js';
import type { ReportPicture } from './pictures.js';
import type { Report, Section } from './report.js';

/** What an evaluation found about one class. Shares 0..1; undefined or NaN where the class does not occur or was not measured. */
export interface ClassResult {
  readonly name: string;
  readonly color?: Rgb | undefined;
  /** Temporal consistency of the predictions. */
  readonly tc?: number | undefined;
  /** Temporal consistency of the labels: the ceiling. */
  readonly labelsTc?: number | undefined;
  /** Intersection over union with the labels. */
  readonly iou?: number | undefined;
}

/** A measure of one pair or window, in order. */
export interface SeriesPoint {
  /** Number of the pair or window; pairs of different clips must be apart by an entry without value. */
  readonly index: number;
  readonly value: number | undefined;
  /** The labels' own value of the same pair. */
  readonly labelsValue?: number | undefined;
}

export interface WorstPair {
  /** As in the series. */
  readonly index: number;
  readonly value: number;
  /** Stems of the two frames. */
  readonly first: string;
  readonly second: string;
  readonly pictures: readonly ReportPicture[];
}

/** The results of `evaluate`, as plain data. What was not measured is left out, and the report says so. */
export interface EvaluationReport {
  readonly title: string;
  readonly subtitle?: string | undefined;
  readonly tc?: number | undefined;
  readonly labelsTc?: number | undefined;
  readonly mIoU?: number | undefined;
  /** Video consistency and its window in frames. */
  readonly vc?: { readonly value: number; readonly window: number } | undefined;
  readonly classes?: readonly ClassResult[] | undefined;
  readonly series?: { readonly unit: 'pair' | 'window'; readonly points: readonly SeriesPoint[] } | undefined;
  readonly worst?: readonly WorstPair[] | undefined;
  readonly notes?: readonly string[] | undefined;
  /** Convention, mode, flow source, pairs, command, …, by name. */
  readonly details: readonly (readonly [name: string, value: string])[];
}

/** The report's colours: consistency, accuracy, and the labels' own. */
const tones = { consistency: 0, accuracy: 1, labels: 2 };

/** Arranges the results of an evaluation as a report. */
export function evaluationReport(evaluation: EvaluationReport): Report {
  const { title, subtitle, notes = [], details } = evaluation;
  const ceiling =
    evaluation.tc !== undefined
      ? [
          'Consistency alone rewards constant output: read it beside mIoU. The labels’ own consistency is the ceiling: what the flow and the labels’ noise leave to a perfect prediction.',
        ]
      : [];
  const sections = [classSection(evaluation), seriesSection(evaluation), worstSection(evaluation)];
  return {
    title,
    subtitle,
    figures: figures(evaluation),
    notes: [...ceiling, ...notes],
    sections: sections.filter((section) => section !== undefined),
    details,
    detailsTitle: 'How this was measured',
  };
}

function figures({ tc, labelsTc, mIoU, vc }: EvaluationReport): Figure[] {
  const list: Figure[] = [];
  if (tc !== undefined) {
    const gap = labelsTc === undefined ? undefined : (labelsTc - tc) * 100;
    const side = gap !== undefined && gap < 0 ? 'above the labels’ own' : 'below the ceiling';
    const hint = gap === undefined ? undefined : `${Math.abs(gap).toFixed(2)} points ${side}`;
    list.push({ name: 'Temporal consistency (TC)', value: tc, format: 'percent', hint, mark: labelsTc });
  }
  if (vc) {
    const hint = `windows of ${vc.window} frames`;
    list.push({ name: `Video consistency (VC-${vc.window})`, value: vc.value, format: 'percent', hint });
  }
  const absent = 'not measured: no labels given';
  // Video consistency has labels but does not measure mIoU: no place is kept for it there.
  if (mIoU !== undefined || !vc) {
    const hint = mIoU === undefined ? absent : 'predictions against the labels';
    list.push({ name: 'Mean IoU (mIoU)', value: mIoU, format: 'percent', hint, tone: tones.accuracy });
  }
  if (tc !== undefined) {
    const hint = labelsTc === undefined ? absent : 'the ceiling: labels measured like predictions';
    list.push({ name: 'The labels’ own TC', value: labelsTc, format: 'percent', hint, tone: tones.labels });
  }
  return list;
}

function classSection({ classes = [] }: EvaluationReport): Section | undefined {
  if (classes.length === 0) return undefined;
  const measured = (value: (one: ClassResult) => number | undefined) => classes.some((one) => value(one) !== undefined);
  const columns = [
    { name: 'TC', tone: tones.consistency, value: (one: ClassResult) => one.tc },
    { name: 'IoU', tone: tones.accuracy, value: (one: ClassResult) => one.iou },
    { name: 'labels’ own TC', tone: tones.labels, shape: 'mark' as const, value: (one: ClassResult) => one.labelsTc },
  ].filter(({ value }) => measured(value));
  const rows = classes.map((one) => ({
    name: one.name,
    color: one.color,
    values: columns.map(({ value }) => value(one)),
  }));
  const absent = rows.some((row) => row.values.some((value) => value === undefined || Number.isNaN(value)));
  return {
    kind: 'bars',
    title: 'By class',
    text: `In percent.${absent ? ' A dash: the class does not occur.' : ''}`,
    format: 'percent',
    series: columns,
    rows,
  };
}

function seriesSection({ series, worst = [], vc }: EvaluationReport): Section | undefined {
  if (!series || series.points.length === 0) return undefined;
  const marks: LineMark[] = worst.map(({ index, value, first, second }) => ({
    x: index,
    y: value,
    name: `${first} → ${second}`,
  }));
  const name = vc ? `VC-${vc.window}` : 'TC';
  const own = {
    name,
    tone: tones.consistency,
    points: series.points.map(({ index, value }) => ({ x: index, y: value })),
  };
  const labels = {
    name: 'labels’ own TC',
    tone: tones.labels,
    points: series.points.map(({ index, labelsValue }) => ({ x: index, y: labelsValue })),
  };
  const hasLabels = series.points.some((point) => point.labelsValue !== undefined);
  return {
    kind: 'lines',
    title: `${name} over time`,
    text: vc
      ? 'Each window on its own; the figure above is their mean.'
      : `Each ${series.unit} on its own. The figure above pools all pixels, so it is not the mean of this line.`,
    format: 'percent',
    xName: series.unit,
    series: hasLabels ? [labels, own] : [own],
    marks,
  };
}

function worstSection({ worst = [], classes = [] }: EvaluationReport): Section | undefined {
  if (worst.length === 0) return undefined;
  return {
    kind: 'pictures',
    title: 'The worst pairs',
    text: 'The pairs with the lowest consistency: the frame, both predictions, where they disagree once the second is warped onto the first (in percent of the counted pixels), and which pixels were left out (of all).',
    legend: classes.flatMap(({ name, color }) => (color ? [{ name, color }] : [])),
    groups: worst.map(({ index, value, first, second, pictures }) => ({
      title: `${first} → ${second}`,
      text: `Pair ${index}, TC ${(value * 100).toFixed(2)} %`,
      pictures,
    })),
  };
}
