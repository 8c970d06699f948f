// What the figures of a result hide: labels that are all ignored, classes that no label holds.
import type { EvaluationResult } from '../metrics/result.js';

/** Notes on a result, a line each, of what its labels lack; none where they lack nothing. */
export function resultNotes(result: EvaluationResult): string[] {
  const labels = labelsOf(result);
  if (!labels) return [];
  const { target, frames, ignored, convention } = labels;
  const { classes, ignoreLabel } = result;
  const labelled = target.reduce((sum, pixels) => sum + pixels, 0);
  const total = labelled + ignored;
  const values = ignoreLabel === 255 ? '255' : `255 and ${ignoreLabel}`;
  if (labelled === 0)
    return [`no pixel of ${frames} label maps is labelled: all are ignored (${values}), so there is no figure`];
  const absent = classes.filter((_, id) => target[id] === 0 && id !== ignoreLabel);
  if (absent.length === 0) return [];
  const notes: string[] = [];
  // Masks of 0 and 255 are what this looks like most often.
  if (ignored > 0 && classes.length === 2 && target[1] === 0) {
    const share = ((100 * ignored) / total).toFixed(1);
    notes.push(
      `${share} % of the pixels are ignored (${values}) and none is labelled "${classes[1]}": masks of 0 and 255 are read with --gt-ids binary`,
    );
  }
  const counted =
    convention === 'semseg' ? 'which count 0 in the means (semseg)' : 'which are left out of the means (cityscapes)';
  notes.push(`classes without a label: ${absent.join(', ')}, ${counted}`);
  return notes;
}

function labelsOf(result: EvaluationResult) {
  if (result.measure === 'miou') {
    return {
      target: result.counts.target,
      frames: result.frames,
      ignored: result.ignored,
      convention: result.convention,
    };
  }
  if (result.measure !== 'tc' || !result.labels) return undefined;
  const { counts, frames, convention } = result.labels;
  return { target: counts.target, frames, ignored: 0, convention };
}
