// What an evaluation found, as it is printed, stored and merged: figures, and the counts they come from.
import * as v from 'valibot';
import { SteadysegError } from '../base/errors.js';
import { readFileBounded } from '../base/files.js';
import { count, parseJson, shard } from '../base/json.js';
import { type AgreementCounts, agreement, SURE } from './agreement.js';
import { addCounts, type ClassCounts } from './classCounts.js';
import { type MeanIoUConvention, meanIoU, meanIoUConventions } from './meanIoU.js';
import { type SteadinessCounts, steadiness, steadinessOf, totalVariation } from './steadiness.js';
import { temporalConsistency } from './temporalConsistency.js';
import { type VideoConvention, videoConsistency, videoConventions } from './videoConsistency.js';
import { type TemporalMode, temporalModes } from './warp.js';

const counts = v.array(count);
/** A share 0..1; null where there is none: a class that was left out of the mean, a mean of nothing. */
const figure = v.nullable(v.number());

const classCounts = v.object({ intersection: counts, union: counts, target: counts });

/** A clip that was evaluated, with its place among all clips of the input. */
const clip = v.object({ index: count, name: v.string(), frames: count });
/** A frame, pair or clip that was left out, and why; `failed` where it should not have been: a file that is missing or cannot be used. */
const skip = v.object({ clip: count, name: v.string(), reason: v.string(), failed: v.boolean() });

const common = {
  classSet: v.string(),
  classes: v.array(v.string()),
  ignoreLabel: count,
  /** What was evaluated, as it was named; not compared when results are merged, since machines may hold it at different places. */
  inputs: v.record(v.string(), v.string()),
  /** Which part of the clips this is; 0 of 1 for all of them. */
  shard,
  /** Number of clips of all shards. */
  clipCount: count,
  clips: v.array(clip),
  skipped: v.array(skip),
};

const meanIoUResult = v.object({
  measure: v.literal('miou'),
  convention: v.picklist(meanIoUConventions),
  mIoU: figure,
  mAcc: figure,
  allAcc: figure,
  iou: v.array(figure),
  counts: classCounts,
  /** Frames that were compared with a label. */
  frames: count,
  /** Pixels of their labels that are ignored. */
  ignored: v.optional(count, 0),
  ...common,
});

/** One pair on its own: its TC, the labels' own, and the share of its pixels that was compared. */
const pairRecord = v.object({
  clip: count,
  first: v.string(),
  second: v.string(),
  tc: figure,
  compared: v.number(),
  labelsTc: v.optional(figure),
});

const temporalResult = v.object({
  measure: v.literal('tc'),
  mode: v.picklist(temporalModes),
  /** The flow source, with its parameters. */
  flow: v.string(),
  tc: figure,
  /** mIoU of the same predictions, where labels were given. */
  mIoU: v.optional(figure),
  /** TC of the labels themselves, the ceiling, where labels were given. */
  labelsTc: v.optional(figure),
  /** In mode `masked`: the share of visible pixels that keep their class, and what it is above chance. */
  steady: v.optional(figure),
  kappa: v.optional(figure),
  pairs: count,
  iou: v.array(figure),
  counts: classCounts,
  labels: v.optional(
    v.object({
      /** mIoU's convention, per-class figures and counts, over `frames` labelled frames. */
      convention: v.picklist(meanIoUConventions),
      frames: count,
      iou: v.array(figure),
      counts: classCounts,
      /** The labels' own TC by class, over `pairs` pairs of labelled frames. */
      pairs: count,
      tcIou: v.array(figure),
      tcCounts: classCounts,
    }),
  ),
  pairList: v.array(pairRecord),
  ...common,
});

const videoResult = v.object({
  measure: v.literal('vc'),
  convention: v.picklist(videoConventions),
  window: count,
  vc: figure,
  windows: count,
  /** Windows of each clip of `clips`; the two lists below hold them one clip after the other. */
  windowsOfClip: counts,
  numerator: counts,
  denominator: counts,
  ...common,
});

const steadinessFigures = {
  /** Share of visible pixels that keep their class, and what it is above chance: 0 for a constant labelling. */
  steady: figure,
  kappa: figure,
  /** By class at t: the share of its pixels that are another class at t+1, and its share of all. */
  flicker: v.array(figure),
  shares: v.array(figure),
  counts: v.object({ steady: counts, before: counts, after: counts }),
};

const steadinessResult = v.object({
  measure: v.literal('steadiness'),
  /** The flow source, with its parameters. */
  flow: v.string(),
  ...steadinessFigures,
  pairs: count,
  /** Share of the pixels of which the reference is sure that agree with it, where one was given. */
  agreement: v.optional(figure),
  /** Total variation distance of the class shares to the reference's. */
  totalVariation: v.optional(figure),
  against: v.optional(
    v.object({
      /** From this probability on the reference is sure; null where it came without, and all of it counts. */
      sure: v.nullable(v.number()),
      frames: count,
      /** By class of the reference. */
      agreement: v.array(figure),
      agreementCounts: v.object({ sure: counts, agreed: counts }),
      ...steadinessFigures,
    }),
  ),
  pairList: v.array(
    v.object({
      clip: count,
      first: v.string(),
      second: v.string(),
      steady: figure,
      /** Share of its pixels that was compared. */
      compared: v.number(),
      againstSteady: v.optional(figure),
    }),
  ),
  ...common,
});

const anyResult = v.variant('measure', [meanIoUResult, temporalResult, videoResult, steadinessResult]);

/** What `evaluate miou` prints with `--json`. */
export type MeanIoUResult = v.InferOutput<typeof meanIoUResult>;
/** What `evaluate tc` prints with `--json`. */
export type TemporalConsistencyResult = v.InferOutput<typeof temporalResult>;
/** What `evaluate vc` prints with `--json`. */
export type VideoConsistencyResult = v.InferOutput<typeof videoResult>;
/** What `evaluate steadiness` prints with `--json`. */
export type SteadinessResult = v.InferOutput<typeof steadinessResult>;
/** The result of any evaluation; `measure` tells which. */
export type EvaluationResult = v.InferOutput<typeof anyResult>;
export type PairRecord = v.InferOutput<typeof pairRecord>;
export type ClipRecord = v.InferOutput<typeof clip>;
export type Skip = v.InferOutput<typeof skip>;
/** What all results have in common. */
export type ResultBasis = Pick<MeanIoUResult, keyof typeof common>;

/** The result of summed counts. */
export function meanIoUResultOf(
  basis: ResultBasis,
  sums: { convention: MeanIoUConvention; frames: number; counts: ClassCounts; ignored: number },
): MeanIoUResult {
  const { convention, frames, counts, ignored } = sums;
  const { mIoU, mAcc, allAcc, iou } = meanIoU(counts, convention, basis.ignoreLabel);
  return {
    measure: 'miou',
    convention,
    mIoU: orNull(mIoU),
    mAcc: orNull(mAcc),
    allAcc: orNull(allAcc),
    iou: iou.map(orNull),
    counts: copyOf(counts),
    frames,
    ignored,
    ...basis,
  };
}

export interface TemporalSums {
  readonly mode: TemporalMode;
  readonly flow: string;
  readonly counts: ClassCounts;
  /** Pairs in the order of clips and frames. */
  readonly pairList: readonly PairRecord[];
  readonly labels?:
    | {
        readonly convention: MeanIoUConvention;
        readonly frames: number;
        readonly counts: ClassCounts;
        readonly pairs: number;
        readonly tcCounts: ClassCounts;
      }
    | undefined;
}

/** The result of summed counts. */
export function temporalConsistencyResultOf(basis: ResultBasis, sums: TemporalSums): TemporalConsistencyResult {
  const { mode, flow, counts, pairList, labels } = sums;
  const { tc, iou } = temporalConsistency(counts, mode);
  const accuracy = labels && meanIoU(labels.counts, labels.convention, basis.ignoreLabel);
  const ceiling = labels && temporalConsistency(labels.tcCounts, mode);
  const { steady, kappa } = steadiness(steadinessOf(counts));
  return {
    measure: 'tc',
    mode,
    flow,
    tc: orNull(pairList.length === 0 ? Number.NaN : tc),
    ...(labels && {
      mIoU: orNull(accuracy?.mIoU ?? Number.NaN),
      labelsTc: orNull(labels.pairs === 0 || !ceiling ? Number.NaN : ceiling.tc),
    }),
    ...(mode === 'masked' && { steady: orNull(steady), kappa: orNull(kappa) }),
    pairs: pairList.length,
    iou: iou.map(orNull),
    counts: copyOf(counts),
    ...(labels &&
      accuracy &&
      ceiling && {
        labels: {
          convention: labels.convention,
          frames: labels.frames,
          iou: accuracy.iou.map(orNull),
          counts: copyOf(labels.counts),
          pairs: labels.pairs,
          tcIou: ceiling.iou.map(orNull),
          tcCounts: copyOf(labels.tcCounts),
        },
      }),
    pairList: [...pairList],
    ...basis,
  };
}

export interface VideoSums {
  readonly convention: VideoConvention;
  readonly window: number;
  /** One entry for each clip of the basis. */
  readonly clipWindows: readonly { readonly numerator: readonly number[]; readonly denominator: readonly number[] }[];
}

/** The result of the windows of all clips. */
export function videoConsistencyResultOf(
  basis: ResultBasis,
  { convention, window, clipWindows }: VideoSums,
): VideoConsistencyResult {
  const numerator = clipWindows.flatMap((windows) => windows.numerator);
  const denominator = clipWindows.flatMap((windows) => windows.denominator);
  return {
    measure: 'vc',
    convention,
    window,
    vc: orNull(videoConsistency(numerator, denominator)),
    windows: numerator.length,
    windowsOfClip: clipWindows.map((windows) => windows.numerator.length),
    numerator,
    denominator,
    ...basis,
  };
}

export interface SteadinessSums {
  readonly flow: string;
  readonly counts: SteadinessCounts;
  /** Pairs in the order of clips and frames. */
  readonly pairList: SteadinessResult['pairList'];
  readonly against?:
    | {
        /** Whether the reference came with probabilities. */
        readonly hasConfidence: boolean;
        readonly frames: number;
        readonly agreementCounts: AgreementCounts;
        readonly counts: SteadinessCounts;
      }
    | undefined;
}

/** The result of summed counts. */
export function steadinessResultOf(basis: ResultBasis, sums: SteadinessSums): SteadinessResult {
  const { flow, counts, pairList, against } = sums;
  const own = figuresOf(counts);
  const agreed = against && agreement(against.agreementCounts);
  return {
    measure: 'steadiness',
    flow,
    ...own,
    pairs: pairList.length,
    ...(against &&
      agreed && {
        agreement: orNull(agreed.agreement),
        totalVariation: orNull(totalVariation(steadiness(counts).shares, steadiness(against.counts).shares)),
        against: {
          sure: against.hasConfidence ? SURE : null,
          frames: against.frames,
          agreement: agreed.byClass.map(orNull),
          agreementCounts: { sure: [...against.agreementCounts.sure], agreed: [...against.agreementCounts.agreed] },
          ...figuresOf(against.counts),
        },
      }),
    pairList: [...pairList],
    ...basis,
  };
}

function figuresOf(counts: SteadinessCounts) {
  const { steady, kappa, flicker, shares } = steadiness(counts);
  return {
    steady: orNull(steady),
    kappa: orNull(kappa),
    flicker: flicker.map(orNull),
    shares: shares.map(orNull),
    counts: { steady: [...counts.steady], before: [...counts.before], after: [...counts.after] },
  };
}

/** JSON has no NaN. */
function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function copyOf({ intersection, union, target }: ClassCounts) {
  return { intersection: [...intersection], union: [...union], target: [...target] };
}

/** A result with a million pairs takes 200 MB; a larger file is no result. */
const MAX_RESULT_BYTES = 1 << 28;

/** Reads the JSON of `evaluate` or `merge`. @throws SteadysegError naming the file, the entry, the expected and the found. */
export async function readResult(path: string): Promise<EvaluationResult> {
  return parseResult(new TextDecoder().decode(await readFileBounded(path, MAX_RESULT_BYTES)), path);
}

/** The result that JSON text holds, its lists fitting together; `name` is what errors call it. */
export function parseResult(text: string, name: string): EvaluationResult {
  const result = parseJson(anyResult, text, name, 'the JSON of steadyseg evaluate');
  const fits = (found: number, expected: number, what: string) => {
    if (found !== expected) throw new SteadysegError(`${name}: ${what}: expected ${expected} entries, found ${found}`);
  };
  const classes = result.classes.length;
  const checkLists = (lists: Readonly<Record<string, readonly number[]>>, what: string) => {
    for (const [key, list] of Object.entries(lists)) fits(list.length, classes, `${what}.${key}`);
  };
  const within = (part: readonly number[], whole: readonly number[], what: string) => {
    const at = part.findIndex((pixels, id) => pixels > whole[id]);
    if (at < 0) return;
    throw new SteadysegError(`${name}: ${what}: expected at most ${whole[at]}, found ${part[at]} for class ${at}`);
  };
  const checkSteadiness = (lists: SteadinessCounts, what: string) => {
    checkLists({ ...lists }, what);
    within(lists.steady, lists.before, `${what}.steady`);
    within(lists.steady, lists.after, `${what}.steady`);
  };
  const checkCounts = (counts: ClassCounts, what: string) => {
    checkLists({ ...counts }, what);
    const { intersection, union, target } = counts;
    for (const [id, pixels] of target.entries()) {
      if (intersection[id] <= pixels && pixels <= union[id]) continue;
      const found = `${intersection[id]}, ${pixels} and ${union[id]}`;
      throw new SteadysegError(
        `${name}: ${what}: expected an intersection within the target within the union, found ${found} for class ${id}`,
      );
    }
  };
  if (result.measure === 'miou') checkCounts(result.counts, 'counts');
  if (result.measure === 'tc') {
    checkCounts(result.counts, 'counts');
    fits(result.pairList.length, result.pairs, 'pairList');
    if (result.labels) checkCounts(result.labels.counts, 'labels.counts');
    if (result.labels) checkCounts(result.labels.tcCounts, 'labels.tcCounts');
  }
  if (result.measure === 'vc') {
    fits(result.windowsOfClip.length, result.clips.length, 'windowsOfClip');
    fits(result.numerator.length, result.windows, 'numerator');
    fits(result.denominator.length, result.windows, 'denominator');
    fits(
      result.windowsOfClip.reduce((sum, windows) => sum + windows, 0),
      result.windows,
      'the windows of windowsOfClip',
    );
  }
  if (result.measure === 'vc') {
    const at = result.numerator.findIndex((pixels, window) => pixels > result.denominator[window]);
    if (at >= 0) {
      throw new SteadysegError(
        `${name}: window ${at}: expected at most its ${result.denominator[at]} pixels, found ${result.numerator[at]}`,
      );
    }
  }
  if (result.measure === 'steadiness') {
    checkSteadiness(result.counts, 'counts');
    fits(result.pairList.length, result.pairs, 'pairList');
    if (result.against) {
      const { counts, agreementCounts } = result.against;
      checkSteadiness(counts, 'against.counts');
      checkLists(agreementCounts, 'against.agreementCounts');
      within(agreementCounts.agreed, agreementCounts.sure, 'against.agreementCounts.agreed');
    }
  }
  const { index, count: shards } = result.shard;
  if (index >= shards) throw new SteadysegError(`${name}: shard: expected an index below ${shards}, found ${index}`);
  for (const one of result.clips) {
    if (one.index >= result.clipCount || one.index % shards !== index) {
      throw new SteadysegError(`${name}: clip ${one.index} (${one.name}) does not belong to shard ${index}/${shards}`);
    }
  }
  return result;
}

/** The sum of the counts of results. @throws SteadysegError when it is beyond what numbers hold. */
export function sumCounts(all: readonly ClassCounts[]): ClassCounts {
  const sum = all.reduce(addCounts);
  const lists = [sum.intersection, sum.union, sum.target];
  if (!lists.every((list) => Array.from(list).every(Number.isSafeInteger))) {
    throw new SteadysegError(`expected counts of together at most ${Number.MAX_SAFE_INTEGER} pixels, found more`);
  }
  return sum;
}
