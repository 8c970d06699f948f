// The HTML report of an evaluation's result.
import { basename } from 'node:path';
import type { KeptPlace } from '../data/evaluation/steadiness.js';
import type { KeptPair } from '../data/evaluation/temporal.js';
import type { ClassSet } from '../media/classes.js';
import type {
  EvaluationResult,
  SteadinessResult,
  TemporalConsistencyResult,
  VideoConsistencyResult,
} from '../metrics/result.js';
import { comparedPixels } from '../metrics/temporalConsistency.js';
import {
  type ClassResult,
  type EvaluationReport,
  evaluationReport,
  type SeriesPoint,
  type WorstPair,
} from './evaluation.js';
import { pairPictures } from './overlays.js';
import type { Report } from './report.js';
import { resultNotes } from './resultNotes.js';
import { basisText } from './resultTable.js';
import { steadinessReport } from './steadinessReport.js';

/** What a report shows besides the result. */
export interface ResultReportOptions {
  /** Names and colours of the classes; without, the result's names. */
  readonly classSet?: ClassSet | undefined;
  /** The least consistent pairs, for their pictures. */
  readonly worst?: readonly KeptPair[] | undefined;
  /** The places that change most, for theirs. */
  readonly places?: readonly KeptPlace[] | undefined;
  /** What was called, to be repeated. */
  readonly command?: string | undefined;
}

/** Arranges a result as a report; decodes and encodes the pictures of the worst pairs. */
export async function resultReport(
  result: EvaluationResult,
  { classSet, worst = [], places = [], command }: ResultReportOptions = {},
): Promise<Report> {
  const notes = [
    ...resultNotes(result).map((note) => `Note: ${note}`),
    ...result.skipped.map(({ name, reason }) => `Left out: ${name}: ${reason}`),
  ];
  const details = detailsOf(result, command);
  if (result.measure === 'steadiness') return await steadinessReport(result, { classSet, places, notes, details });
  const title = { miou: 'Accuracy', tc: 'Temporal consistency', vc: 'Video consistency' }[result.measure];
  const classes = result.classes.map((name, id): ClassResult => {
    const color = classSet?.palette[id];
    if (result.measure === 'vc') return { name, color };
    if (result.measure === 'miou') return { name, color, iou: orAbsent(result.iou[id]) };
    const { labels } = result;
    const ofLabels = labels && { iou: orAbsent(labels.iou[id]), labelsTc: orAbsent(labels.tcIou[id]) };
    return { name, color, tc: orAbsent(result.iou[id]), ...ofLabels };
  });
  return evaluationReport({
    title: `${title}: ${basename(result.inputs.pred ?? '')}`,
    subtitle: basisText(result),
    ...mainFigures(result),
    classes: result.measure === 'vc' ? undefined : classes,
    series:
      result.measure === 'tc'
        ? { unit: 'pair', points: pairSeries(result) }
        : result.measure === 'vc'
          ? { unit: 'window', points: windowSeries(result) }
          : undefined,
    worst: result.measure === 'tc' && classSet ? await worstPairs(result, worst, classSet) : undefined,
    notes,
    details,
  });
}

function mainFigures(result: Exclude<EvaluationResult, SteadinessResult>): Partial<EvaluationReport> {
  switch (result.measure) {
    case 'miou':
      return { mIoU: result.mIoU ?? undefined };
    case 'tc':
      return {
        tc: result.tc ?? undefined,
        mIoU: result.mIoU ?? undefined,
        labelsTc: result.labelsTc ?? undefined,
      };
    case 'vc':
      return { vc: { value: result.vc ?? Number.NaN, window: result.window } };
  }
}

/** Pairs keep their place in the list; a break without value stands between clips. */
function pairSeries({ pairList }: TemporalConsistencyResult): SeriesPoint[] {
  return pairList.flatMap(({ clip, tc, labelsTc }, index) => {
    const point = { index, value: tc ?? undefined, labelsValue: labelsTc ?? undefined };
    const starts = index > 0 && pairList[index - 1].clip !== clip;
    return starts ? [{ index: index - 0.5, value: undefined }, point] : [point];
  });
}

function windowSeries({ windowsOfClip, numerator, denominator }: VideoConsistencyResult): SeriesPoint[] {
  const points: SeriesPoint[] = [];
  let index = 0;
  for (const windows of windowsOfClip) {
    if (points.length > 0) points.push({ index: index - 0.5, value: undefined });
    for (let k = 0; k < windows; k++, index++) {
      points.push({ index, value: denominator[index] === 0 ? undefined : numerator[index] / denominator[index] });
    }
  }
  return points;
}

async function worstPairs(
  { mode, pairList }: TemporalConsistencyResult,
  worst: readonly KeptPair[],
  classes: ClassSet,
): Promise<WorstPair[]> {
  const pairs: WorstPair[] = [];
  for (const { index, tc, frame, prediction, nextPrediction, warped } of worst) {
    const counted = comparedPixels(prediction, warped, classes.classes.length, mode);
    const picture = await frame.image();
    const pictures = await pairPictures({ frame: picture, prediction, nextPrediction, warped, counted, classes });
    const { first, second } = pairList[index];
    pairs.push({ index, value: tc, first, second, pictures });
  }
  return pairs;
}

function detailsOf(result: EvaluationResult, command: string | undefined): [string, string][] {
  const list: [string, string][] = [];
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) list.push([name, String(value)]);
  };
  if (result.measure === 'tc') {
    add('Mode', result.mode);
    add('Optical flow', result.flow);
    add('Pairs', result.pairs);
    add('Labelled frames (mIoU)', result.labels?.frames);
    add('Convention of mIoU', result.labels?.convention);
    add('Pairs of labels', result.labels?.pairs);
    if (result.mode === 'masked') add('Steady pixels', shareText(result.steady));
    if (result.mode === 'masked') add('Temporal kappa (constant output: 0)', result.kappa?.toFixed(4));
  } else if (result.measure === 'steadiness') {
    add('Optical flow', result.flow);
    add('Pairs', result.pairs);
  } else add('Convention', result.convention);
  if (result.measure === 'miou') add('Frames', result.frames);
  if (result.measure === 'vc') add('Windows', result.windows);
  add('Classes', `${result.classes.length} (${result.classSet}), ignored id ${result.ignoreLabel}`);
  add('Clips', result.clips.length);
  add('Left out', result.skipped.length);
  if (result.shard.count > 1) add('Shard', `${result.shard.index}/${result.shard.count}`);
  for (const [name, value] of Object.entries(result.inputs)) add(`Input: ${name}`, value);
  add('Command', command);
  return list;
}

function shareText(value: number | null | undefined): string | undefined {
  return value == null ? undefined : `${(100 * value).toFixed(2)} %`;
}

function orAbsent(value: number | null): number | undefined {
  return value ?? undefined;
}
