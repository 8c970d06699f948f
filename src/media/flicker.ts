// How often each pixel's label changes from frame to frame, counted over a video.
import { SteadysegError } from '../base/errors.js';
import { checkLabelMap, type LabelMap } from './image.js';

/** Counts changes of label, frame by frame. */
export interface FlickerCounter {
  /** Takes the next label map; `startsClip` when the one before belongs to another clip. @throws SteadysegError when the size changes. */
  add(labels: LabelMap, startsClip?: boolean): void;
  /** What was counted so far. */
  result(): Flicker;
}

/** For each pixel, the pairs of consecutive frames in which its label changed, and all in which it had one in both. */
export interface Flicker {
  readonly width: number;
  readonly height: number;
  readonly changed: Uint32Array;
  readonly pairs: Uint32Array;
  /** Changes over pairs, of all pixels together. Motion of the scene is part of it. */
  readonly rate: number;
}

/** Counts label changes in constant memory. Pairs in which a label is ignored do not count. */
export function createFlickerCounter(ignoreLabel: number): FlickerCounter {
  let previous: LabelMap | undefined;
  let changed = new Uint32Array(0);
  let pairs = new Uint32Array(0);
  return {
    add(labels, startsClip = false) {
      checkLabelMap(labels);
      if (previous === undefined) {
        changed = new Uint32Array(labels.data.length);
        pairs = new Uint32Array(labels.data.length);
      } else if (labels.width !== previous.width || labels.height !== previous.height) {
        throw new SteadysegError(
          `expected label maps of one size, found ${previous.width}×${previous.height}, then ${labels.width}×${labels.height}`,
        );
      } else if (!startsClip) {
        const [before, now] = [previous.data, labels.data];
        for (let pixel = 0; pixel < now.length; pixel++) {
          if (before[pixel] === ignoreLabel || now[pixel] === ignoreLabel) continue;
          pairs[pixel]++;
          if (before[pixel] !== now[pixel]) changed[pixel]++;
        }
      }
      previous = labels;
    },
    result() {
      if (previous === undefined) throw new SteadysegError('expected at least one label map to count, found none');
      const sum = (counts: Uint32Array) => counts.reduce((total, count) => total + count, 0);
      const all = sum(pairs);
      return {
        width: previous.width,
        height: previous.height,
        changed,
        pairs,
        rate: all === 0 ? 0 : sum(changed) / all,
      };
    },
  };
}
