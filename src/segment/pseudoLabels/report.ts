// What `pseudo-label.json` says: how the labels were made, what was kept of each class, and what was left out.
import * as v from 'valibot';
import { readFileBounded } from '../../base/files.js';
import { count, parseJson, shard } from '../../base/json.js';
import type { RunSettings } from '../runSettings.js';
import { scoreKinds } from '../trace.js';
import type { FrameRecord } from './frameRecords.js';
import { addBalance, emptyBalance } from './keep.js';

/** What can be saved besides the labels. */
export const extraOutputs = ['color', 'confidence'] as const;
export type ExtraOutput = (typeof extraOutputs)[number];

/** What makes two runs comparable: `resume` and merging ask for the same. */
export interface PseudoLabelSettings extends RunSettings {
  readonly kind: 'pseudo-label';
  /** The lowest probability that is kept; null where `quantile` decides. */
  readonly threshold: number | null;
  /** The share of each class's pixels that is kept, the surest ones; null where `threshold` decides. */
  readonly quantile: number | null;
  readonly save: readonly ExtraOutput[];
}

/** The content of `pseudo-label.json`: nothing in it depends on how often the run was interrupted. */
export interface PseudoLabelReport extends PseudoLabelSettings {
  readonly limit: number | null;
  /** Which frames were taken besides: every n-th, of a video from and to a time in seconds. */
  readonly every: number;
  readonly from: number | null;
  readonly to: number | null;
  readonly shard: { readonly index: number; readonly count: number };
  /** Whether every frame asked for has its labels; false also while a run is under way. */
  readonly complete: boolean;
  readonly interrupted: boolean;
  /** Whether the labels are written: those of `quantile` are when all shards are merged. */
  readonly decided: boolean;
  readonly frames: number;
  readonly failed: readonly { readonly stem: string; readonly reason: string }[];
  readonly pixels: number;
  readonly keptPixels: number | null;
  readonly keptShare: number | null;
  /** Pixels of each class: as predicted, and those that were kept. */
  readonly counts: { readonly predicted: readonly number[]; readonly kept: readonly number[] | null };
  /** The lowest probability that is kept of each class; null for one that was never predicted. */
  readonly thresholds: readonly (number | null)[] | null;
}

/** The report of frames, in order. */
export function reportOf(
  settings: PseudoLabelSettings,
  records: readonly FrameRecord[],
  state: Pick<
    PseudoLabelReport,
    'limit' | 'every' | 'from' | 'to' | 'shard' | 'complete' | 'interrupted' | 'failed'
  > & {
    /** The lowest probabilities, where `quantile` chose them. */
    readonly thresholds: readonly (number | null)[] | undefined;
  },
): PseudoLabelReport {
  const { threshold, classes } = settings;
  const sum = emptyBalance(classes.length);
  let pixels = 0;
  let decided = threshold !== null || state.thresholds !== undefined;
  for (const { width, height, predicted, kept } of records) {
    pixels += width * height;
    if (!kept) decided = false;
    addBalance(sum, { predicted, kept: kept ?? [] });
  }
  const keptPixels = sum.kept.reduce((total, count) => total + count, 0);
  const ofClass = (predicted: number) => (predicted > 0 ? threshold : null);
  return {
    ...settings,
    limit: state.limit,
    every: state.every,
    from: state.from,
    to: state.to,
    shard: state.shard,
    complete: state.complete,
    interrupted: state.interrupted,
    decided,
    frames: records.length,
    failed: state.failed,
    pixels,
    keptPixels: decided ? keptPixels : null,
    keptShare: decided && pixels > 0 ? keptPixels / pixels : null,
    counts: { predicted: sum.predicted, kept: decided ? sum.kept : null },
    thresholds: decided ? (state.thresholds ?? sum.predicted.map(ofClass)) : null,
  };
}

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const byte = v.pipe(count, v.maxValue(255));
const channels = v.tuple([v.number(), v.number(), v.number()]);

const pseudoLabelReport = v.object({
  kind: v.literal('pseudo-label'),
  version: v.string(),
  input: v.string(),
  raw: v.nullable(v.string()),
  model: v.string(),
  modelSha256: v.string(),
  device: v.string(),
  classes: v.pipe(v.array(v.string()), v.maxLength(255)),
  preprocessing: v.object({ mean: channels, std: channels, channelOrder: v.picklist(['rgb', 'bgr']) }),
  output: v.string(),
  scores: v.picklist([...scoreKinds, 'values']),
  foregroundThreshold: v.nullable(share),
  size: v.string(),
  tile: v.nullable(v.string()),
  scales: v.array(v.number()),
  flip: v.boolean(),
  classSet: v.string(),
  palette: v.array(v.tuple([byte, byte, byte])),
  threshold: v.nullable(share),
  quantile: v.nullable(share),
  save: v.array(v.picklist(extraOutputs)),
  limit: v.nullable(count),
  every: v.pipe(count, v.minValue(1)),
  from: v.nullable(v.number()),
  to: v.nullable(v.number()),
  shard,
  complete: v.boolean(),
  interrupted: v.boolean(),
  decided: v.boolean(),
  frames: count,
  failed: v.array(v.object({ stem: v.string(), reason: v.string() })),
  pixels: count,
  keptPixels: v.nullable(count),
  keptShare: v.nullable(share),
  counts: v.object({ predicted: v.array(count), kept: v.nullable(v.array(count)) }),
  thresholds: v.nullable(v.array(v.nullable(share))),
});

/** A report lists the failed frames at most; a larger file is something else. */
const MAX_REPORT_BYTES = 1 << 28;

/** Whether a file says that it is the report of pseudo labels, whatever else is wrong with it. */
export async function isPseudoLabelReport(path: string): Promise<boolean> {
  try {
    parseJson(v.object({ kind: v.literal('pseudo-label') }), await readText(path), path, 'a report');
    return true;
  } catch {
    return false;
  }
}

/** Reads a report. @throws SteadysegError naming the file, the entry, the expected and the found. */
export async function readPseudoLabelReport(path: string): Promise<PseudoLabelReport> {
  return parseJson(pseudoLabelReport, await readText(path), path, 'the JSON of steadyseg pseudo-label');
}

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readFileBounded(path, MAX_REPORT_BYTES));
}
