// Temporal consistency (TC) of predictions along optical flow, beside their mIoU and the labels' own TC.
import { SteadysegError } from '../../base/errors.js';
import { wholeWork } from '../../base/shard.js';
import type { FlowFrame, FlowSource } from '../../flow/source.js';
import type { LabelMap } from '../../media/image.js';
import { addCounts, noCounts } from '../../metrics/classCounts.js';
import { type MeanIoUConvention, meanIoUCounts } from '../../metrics/meanIoU.js';
import { type PairRecord, type TemporalConsistencyResult, temporalConsistencyResultOf } from '../../metrics/result.js';
import { pairConsistency } from '../../metrics/temporalConsistency.js';
import type { TemporalMode } from '../../metrics/warp.js';
import { readLabels, readTrainIds } from '../labelFiles.js';
import { measureAlongFlow, type PairToShow, reading } from './alongFlow.js';
import { basisOf, type EvaluationOptions, missingPrediction } from './common.js';
import { openEvaluationFrames } from './frames.js';
import { partnersOf, requirePartners } from './partners.js';

/** What `evaluateTemporalConsistency` takes. */
export interface TemporalConsistencyOptions extends EvaluationOptions {
  /** A video, or a folder, glob or list of pictures; each frame needs a prediction. */
  readonly frames: string;
  readonly flow: FlowSource;
  /** Default `masked`. */
  readonly mode?: TemporalMode | undefined;
  /** Folder or list of labels, of some or all frames. */
  readonly gt?: string | undefined;
  /** mIoU's convention. Default `semseg`. */
  readonly convention?: MeanIoUConvention | undefined;
  /** How many of the least consistent pairs to keep for a look at them. Default 0. */
  readonly keepWorst?: number | undefined;
}

/** A pair with what it takes to show it. */
export interface KeptPair {
  /** Place in the result's `pairList`. */
  readonly index: number;
  readonly tc: number;
  /** Frame t; its picture may have to be decoded. */
  readonly frame: FlowFrame;
  readonly prediction: LabelMap;
  readonly nextPrediction: LabelMap;
  /** The next prediction, warped to frame t. */
  readonly warped: LabelMap;
}

/**
 * Warps the prediction of every frame onto the frame before it, within clips, and pools the counts of all pairs. A clip
 * of one frame is a stated skip. Each file is decoded once; what is under way at a time does not grow with the input.
 * @returns the result, and the least consistent pairs, worst first
 * @throws SteadysegError naming the file or frame: a missing prediction or flow, sizes that differ, ids beyond the
 * classes, files that cannot be read; with `keepGoing` these are stated skips
 */
export async function evaluateTemporalConsistency(
  options: TemporalConsistencyOptions,
): Promise<{ result: TemporalConsistencyResult; worst: readonly KeptPair[] }> {
  const { pred, predIds, gt, gtIds, flow, mode = 'masked', convention = 'semseg', classSet, keepGoing } = options;
  const { limit, shard = wholeWork, keepWorst = 0 } = options;
  const classes = classSet.classes.length;
  const source = await openEvaluationFrames(options.frames, {
    acceptTruncated: keepGoing,
    onNote: options.onNote,
  });
  const partners = await partnersOf(source, gt === undefined ? [pred] : [pred, gt]);
  if (gt !== undefined && source.stems && !source.stems.some((stem) => partners(stem).files[1])) {
    throw new SteadysegError(`${gt}: expected labels of the frames, found none for ${source.stems[0]} and all others`);
  }
  if (!keepGoing) requirePartners(source, partners, 0, pred, { limit, shard });

  const worst: KeptPair[] = [];
  const pairList: PairRecord[] = [];
  let counts = noCounts(classes);
  const labels = { convention, frames: 0, counts: noCounts(classes), pairs: 0, tcCounts: noCounts(classes) };
  const measured = await measureAlongFlow(
    source,
    { ...options, mode, keep: keepWorst > 0 },
    {
      mapsOf({ stem }) {
        const { name, files } = partners(stem);
        const [prediction, label] = files;
        return {
          prediction: prediction
            ? reading(prediction.path, readTrainIds(prediction.path, classSet, predIds))
            : reading(name, Promise.reject(missingPrediction(pred, [name]))),
          reference: label && reading(label.path, readLabels(label.path, classSet, gtIds)),
        };
      },
      countFrame: (prediction, label) => meanIoUCounts(prediction, label, classes),
      onFrame(frame) {
        labels.counts = addCounts(labels.counts, frame);
        labels.frames++;
      },
      onPair(pair) {
        const { clip, first, second, referenceCounts } = pair;
        const target = pair.counts.target.reduce((sum, pixels) => sum + pixels, 0);
        const tc = numberOrNull(pairConsistency(pair.counts, mode));
        const labelsTc = referenceCounts && { labelsTc: numberOrNull(pairConsistency(referenceCounts, mode)) };
        keepIfWorst(worst, keepWorst, pairList.length, tc, pair.kept);
        pairList.push({ clip, first, second, tc, compared: target / pair.pixels, ...labelsTc });
        counts = addCounts(counts, pair.counts);
        if (!referenceCounts) return;
        labels.tcCounts = addCounts(labels.tcCounts, referenceCounts);
        labels.pairs++;
      },
    },
  );

  const inputs = { frames: options.frames, pred, ...(gt !== undefined && { gt }) };
  const basis = basisOf(options, inputs, measured.clips, measured.clipCount, measured.skipped);
  const sums = { mode, flow: flow.name, counts, pairList, labels: gt === undefined ? undefined : labels };
  return { result: temporalConsistencyResultOf(basis, sums), worst };
}

/** Keeps the `most` least consistent pairs, worst first; of equal ones the earlier. */
function keepIfWorst(worst: KeptPair[], most: number, index: number, tc: number | null, kept?: PairToShow): void {
  if (!kept || tc === null) return;
  const { frame, prediction, nextPrediction, warped } = kept;
  const at = worst.findIndex((other) => tc < other.tc);
  worst.splice(at < 0 ? worst.length : at, 0, { index, tc, frame, prediction, nextPrediction, warped });
  worst.length = Math.min(worst.length, most);
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
