// Video consistency (VC-n) of folders of predictions and labels.
import { mapOrdered } from '../../base/ordered.js';
import { type Skip, type VideoConsistencyResult, videoConsistencyResultOf } from '../../metrics/result.js';
import { createWindowCounter, type VideoConvention, windowsOf } from '../../metrics/videoConsistency.js';
import {
  basisOf,
  CONCURRENT_FRAMES,
  type EvaluationOptions,
  type LabelledClip,
  labelledClips,
  readFrame,
  requireSize,
  skipOf,
} from './common.js';

/** What `evaluateVideoConsistency` takes. */
export interface VideoConsistencyOptions extends EvaluationOptions {
  /** Folder or list of labels of consecutive frames; each needs a prediction. */
  readonly gt: string;
  /** Frames of a window. Default 8. */
  readonly window?: number | undefined;
  /** Default `vspw`. */
  readonly convention?: VideoConvention | undefined;
}

/**
 * Counts the windows of every clip. A clip without a window is a stated skip; with `keepGoing`, so is a clip with a
 * frame that cannot be read, since the windows around it would be shorter than they say.
 * @throws SteadysegError naming the file: a missing prediction, sizes that differ, ids beyond the classes, files that are no label maps
 */
export async function evaluateVideoConsistency(options: VideoConsistencyOptions): Promise<VideoConsistencyResult> {
  const { pred, gt, window = 8, convention = 'vspw', classSet, keepGoing, onProgress } = options;
  const counting = { window, convention, classes: classSet.classes.length };
  const { clips, clipCount } = await labelledClips(options);
  const total = clips.reduce((sum, { frames }) => sum + frames, 0);
  const skipped: Skip[] = [];
  const clipWindows: { numerator: number[]; denominator: number[] }[] = [];
  let done = 0;

  const countWindows = async (clip: LabelledClip) => {
    const numerator: number[] = [];
    const denominator: number[] = [];
    const windows = windowsOf(clip.frames, counting);
    const counter = createWindowCounter(counting);
    const first = clip.labelled[0].label.path;
    const frames = mapOrdered(clip.labelled, CONCURRENT_FRAMES, async (frame) => ({
      ...(await readFrame(frame, options)),
      path: frame.label.path,
    }));
    let size: { width: number; height: number } | undefined;
    for await (const { prediction, label, path } of frames) {
      size ??= label;
      requireSize(label, path, size, first);
      const count = counter.add(prediction, label);
      if (count && numerator.length < windows) {
        numerator.push(count.numerator);
        denominator.push(count.denominator);
      }
      onProgress?.({ done: ++done, total });
    }
    return { numerator, denominator };
  };

  for (const clip of clips) {
    if (windowsOf(clip.frames, counting) === 0) {
      const reason = `${clip.frames} ${clip.frames === 1 ? 'frame is' : 'frames are'} too few for a window of ${window} (${convention})`;
      skipped.push({ clip: clip.index, name: clip.name, reason, failed: false });
      clipWindows.push({ numerator: [], denominator: [] });
      done += clip.frames;
      continue;
    }
    try {
      clipWindows.push(await countWindows(clip));
    } catch (thrown) {
      skipped.push(skipOf(thrown, clip.index, clip.name, keepGoing));
      clipWindows.push({ numerator: [], denominator: [] });
    }
  }
  const basis = basisOf(options, { pred, gt }, clips, clipCount, skipped);
  return videoConsistencyResultOf(basis, { convention, window, clipWindows });
}
