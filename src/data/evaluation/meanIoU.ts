// mIoU of folders of predictions and labels.
import { mapOrdered } from '../../base/ordered.js';
import { addCounts, noCounts } from '../../metrics/classCounts.js';
import { type MeanIoUConvention, meanIoUCounts } from '../../metrics/meanIoU.js';
import { type MeanIoUResult, meanIoUResultOf, type Skip } from '../../metrics/result.js';
import { basisOf, CONCURRENT_FRAMES, type EvaluationOptions, labelledClips, readFrame, skipOf } from './common.js';

/** What `evaluateMeanIoU` takes. */
export interface MeanIoUOptions extends EvaluationOptions {
  /** Folder or list of labels; each needs a prediction. */
  readonly gt: string;
  /** Default `semseg`. */
  readonly convention?: MeanIoUConvention | undefined;
}

/**
 * Compares every label with its prediction.
 * @throws SteadysegError naming the file: a missing prediction, sizes that differ, ids beyond the classes, files that are no label maps
 */
export async function evaluateMeanIoU(options: MeanIoUOptions): Promise<MeanIoUResult> {
  const { pred, gt, convention = 'semseg', classSet, keepGoing, onProgress } = options;
  const { clips, clipCount } = await labelledClips(options);
  const frames = clips.flatMap(({ index, labelled }) => labelled.map((frame) => ({ clip: index, frame })));
  const classes = classSet.classes.length;
  let counts = noCounts(classes);
  let compared = 0;
  let ignored = 0;
  let done = 0;
  const skipped: Skip[] = [];
  const results = mapOrdered(frames, CONCURRENT_FRAMES, async ({ clip, frame }) => {
    try {
      const { prediction, label } = await readFrame(frame, options);
      const found = meanIoUCounts(prediction, label, classes);
      const labelled = found.target.reduce((sum, pixels) => sum + pixels, 0);
      return { counts: found, ignored: label.data.length - labelled };
    } catch (thrown) {
      return { skip: skipOf(thrown, clip, frame.name, keepGoing) };
    }
  });
  for await (const { counts: found, ignored: left, skip } of results) {
    if (skip) skipped.push(skip);
    else {
      counts = addCounts(counts, found);
      ignored += left;
      compared++;
    }
    onProgress?.({ done: ++done, total: frames.length });
  }
  const basis = basisOf(options, { pred, gt }, clips, clipCount, skipped);
  return meanIoUResultOf(basis, { convention, frames: compared, counts, ignored });
}
