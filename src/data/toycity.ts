// The toy city as a training set that is rendered when it is needed, with exact flow over any number of frames.
import { UsageError } from '../base/errors.js';
import { presetClasses } from '../media/classes.js';
import type { ClipOptions } from '../toycity/render.js';
import { toyCityClipSeed } from '../toycity/write.js';
import type { Dataset, FrameReference } from './dataset.js';

/** What is rendered; everything follows from it. */
export interface RenderedToyCityOptions {
  readonly seed: number;
  readonly split: 'train' | 'val';
  readonly clips: number;
  /** Frames a clip. */
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly motionBlur?: number;
}

/** Every frame of every clip, the same that `writeToyCity` writes for these options. */
export function renderedToyCityDataset(options: RenderedToyCityOptions): Dataset {
  const { seed, split, clips, frames, height, width, motionBlur = 0 } = options;
  if (!Number.isInteger(clips) || clips < 1) throw new UsageError(`toy city: expected at least 1 clip, found ${clips}`);
  const clipOptions = Array.from(
    { length: clips },
    (_, index): ClipOptions => ({ seed: toyCityClipSeed(seed, split, index), frames, height, width, motionBlur }),
  );
  return {
    name: `toy city ${split}, seed ${seed}`,
    classes: presetClasses('toycity'),
    count: clips * frames,
    sample(index) {
      const clip = clipOptions[Math.floor(index / frames)];
      const t = index % frames;
      const reference = (frame: number) => ({ kind: 'toycity', clip, frame }) as const;
      const within = (offset: number) => t + offset >= 0 && t + offset < frames;
      return {
        name: `toy city ${split} clip ${Math.floor(index / frames)} frame ${t}`,
        frame: reference(t),
        label: reference(t),
        neighbour: (offset): FrameReference | undefined => (within(offset) ? reference(t + offset) : undefined),
        flow: (offset) => (within(offset) ? { kind: 'toycity', clip, from: t, to: t + offset } : undefined),
      };
    },
  };
}
