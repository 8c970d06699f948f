// One result of the results of all shards, equal to that of an unsharded run.
import { SteadysegError, UsageError } from '../base/errors.js';
import { checkAllShards } from '../base/shard.js';
import { type AgreementCounts, addAgreement } from './agreement.js';
import {
  type ClipRecord,
  type EvaluationResult,
  type MeanIoUResult,
  meanIoUResultOf,
  type ResultBasis,
  type SteadinessResult,
  steadinessResultOf,
  sumCounts,
  type TemporalConsistencyResult,
  temporalConsistencyResultOf,
  type VideoConsistencyResult,
  videoConsistencyResultOf,
} from './result.js';
import { addSteadiness, type SteadinessCounts } from './steadiness.js';

/** A result, and what it is called in errors: its file. */
export interface NamedResult<R extends EvaluationResult = EvaluationResult> {
  /** What errors call it: its file. */
  readonly name: string;
  readonly result: R;
}

/**
 * Merges the results of all shards of one evaluation. Counts are whole numbers and are summed; lists are put in the
 * order of clips; figures are computed from these as in an unsharded run, hence equal to the last bit.
 * @throws SteadysegError when results are of different evaluations, a shard is there twice or missing: it says which.
 */
export function mergeResults(results: readonly NamedResult[]): EvaluationResult {
  if (results.length === 0) throw new UsageError('merge: expected at least one result, found none');
  checkSame(results);
  checkAllShards(results.map(({ name, result }) => ({ name, shard: result.shard })));
  const measure = results[0].result.measure;
  if (measure === 'miou') return mergeMeanIoU(ofMeasure(results, isMeanIoU));
  if (measure === 'tc') return mergeTemporal(ofMeasure(results, isTemporal));
  if (measure === 'steadiness') return mergeSteadiness(ofMeasure(results, isSteadiness));
  return mergeVideo(ofMeasure(results, isVideo));
}

const isMeanIoU = (result: EvaluationResult): result is MeanIoUResult => result.measure === 'miou';
const isTemporal = (result: EvaluationResult): result is TemporalConsistencyResult => result.measure === 'tc';
const isSteadiness = (result: EvaluationResult): result is SteadinessResult => result.measure === 'steadiness';
const isVideo = (result: EvaluationResult): result is VideoConsistencyResult => result.measure === 'vc';

function ofMeasure<R extends EvaluationResult>(
  results: readonly NamedResult[],
  is: (result: EvaluationResult) => result is R,
): R[] {
  return results.map(({ result }) => result).filter(is);
}

function mergeMeanIoU(results: readonly MeanIoUResult[]): MeanIoUResult {
  const frames = results.reduce((sum, result) => sum + result.frames, 0);
  const counts = sumCounts(results.map((result) => result.counts));
  const ignored = results.reduce((sum, result) => sum + result.ignored, 0);
  return meanIoUResultOf(basisOf(results), { convention: results[0].convention, frames, counts, ignored });
}

function mergeTemporal(results: readonly TemporalConsistencyResult[]): TemporalConsistencyResult {
  const { mode, flow } = results[0];
  const labels = results.map((result) => result.labels).filter((one) => one !== undefined);
  return temporalConsistencyResultOf(basisOf(results), {
    mode,
    flow,
    counts: sumCounts(results.map((result) => result.counts)),
    pairList: results.flatMap((result) => result.pairList).sort((a, b) => a.clip - b.clip),
    labels:
      labels.length === 0
        ? undefined
        : {
            convention: labels[0].convention,
            frames: labels.reduce((sum, one) => sum + one.frames, 0),
            counts: sumCounts(labels.map((one) => one.counts)),
            pairs: labels.reduce((sum, one) => sum + one.pairs, 0),
            tcCounts: sumCounts(labels.map((one) => one.tcCounts)),
          },
  });
}

function mergeSteadiness(results: readonly SteadinessResult[]): SteadinessResult {
  const against = results.map((result) => result.against).filter((one) => one !== undefined);
  return steadinessResultOf(basisOf(results), {
    flow: results[0].flow,
    counts: sumSteadiness(results),
    pairList: results.flatMap((result) => result.pairList).sort((a, b) => a.clip - b.clip),
    against:
      against.length === 0
        ? undefined
        : {
            hasConfidence: against[0].sure !== null,
            frames: against.reduce((sum, one) => sum + one.frames, 0),
            agreementCounts: against.map((one): AgreementCounts => one.agreementCounts).reduce(addAgreement),
            counts: sumSteadiness(against),
          },
  });
}

function sumSteadiness(parts: readonly { readonly counts: SteadinessCounts }[]): SteadinessCounts {
  return parts.map(({ counts }) => counts).reduce(addSteadiness);
}

function mergeVideo(results: readonly VideoConsistencyResult[]): VideoConsistencyResult {
  const { convention, window } = results[0];
  const ofClip: { clip: ClipRecord; numerator: number[]; denominator: number[] }[] = [];
  for (const { clips, windowsOfClip, numerator, denominator } of results) {
    let from = 0;
    for (const [at, clip] of clips.entries()) {
      const to = from + windowsOfClip[at];
      ofClip.push({ clip, numerator: numerator.slice(from, to), denominator: denominator.slice(from, to) });
      from = to;
    }
  }
  ofClip.sort((a, b) => a.clip.index - b.clip.index);
  return videoConsistencyResultOf(basisOf(results), { convention, window, clipWindows: ofClip });
}

/** `sort` keeps the order of equals, so that entries of one clip stay as they are. */
function basisOf(results: readonly EvaluationResult[]): ResultBasis {
  const { classSet, classes, ignoreLabel, inputs, clipCount } = results[0];
  return {
    classSet,
    classes,
    ignoreLabel,
    inputs,
    shard: { index: 0, count: 1 },
    clipCount,
    clips: results.flatMap((result) => result.clips).sort((a, b) => a.index - b.index),
    skipped: results.flatMap((result) => result.skipped).sort((a, b) => a.clip - b.clip),
  };
}

/** What must be the same in all shards of one evaluation, by name. */
function settingsOf(result: EvaluationResult): Record<string, string> {
  const settings: Record<string, string> = {
    measure: result.measure,
    'class set': result.classSet,
    classes: result.classes.join(', '),
    'ignored id': String(result.ignoreLabel),
    'number of shards': String(result.shard.count),
    'number of clips': String(result.clipCount),
  };
  if (result.measure === 'tc') {
    settings.mode = result.mode;
    settings.flow = result.flow;
    settings.labels = result.labels === undefined ? 'none' : `given (${result.labels.convention})`;
  } else if (result.measure === 'steadiness') {
    settings.flow = result.flow;
    settings.reference = referenceOf(result);
  } else settings.convention = result.convention;
  if (result.measure === 'vc') settings.window = String(result.window);
  return settings;
}

function referenceOf({ against }: SteadinessResult): string {
  if (!against) return 'none';
  return against.sure === null ? 'given, without probabilities' : `given, sure from ${against.sure} on`;
}

function checkSame([first, ...others]: readonly NamedResult[]): void {
  const expected = settingsOf(first.result);
  for (const other of others) {
    const found = settingsOf(other.result);
    for (const key of Object.keys(expected)) {
      if (found[key] === expected[key]) continue;
      throw new SteadysegError(
        `${other.name}: expected the same ${key} as in ${first.name} (${expected[key]}), found ${found[key] ?? 'none'}`,
      );
    }
  }
}
