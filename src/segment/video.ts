// Segments the frames of a video or of pictures one after another, as an async iterator.
import { mapOrdered } from '../base/ordered.js';
import type { OnProgress } from '../base/progress.js';
import { type FrameSource, type OnBadFrame, openFrames } from '../media/frames.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { checkSegmentOptions, type SegmentationModel } from './model.js';
import { ofFrame, UnusableFrameError } from './networkResult.js';
import { createPool, movable } from './pool.js';
import type { SegmentOptions } from './segment.js';

export interface SegmentVideoOptions extends SegmentOptions {
  /** Stop after this many frames. */
  readonly limit?: number | undefined;
  /** What to do about a frame that cannot be read or segmented; default: end with its error. */
  readonly onBad?: OnBadFrame | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Ends the iteration early; frames under way are still given out. */
  readonly signal?: AbortSignal | undefined;
}

/** A frame and its segmentation. */
export interface SegmentedFrame {
  readonly index: number;
  /** The name of its output files: six digits for a video, the file name for pictures. */
  readonly stem: string;
  readonly image: RgbImage;
  /** Train ids at the frame's size. */
  readonly labels: LabelMap;
  /** Probability of the label, one a pixel, when asked for. */
  readonly confidence?: Float32Array | undefined;
}

/**
 * Segments every frame of a video, picture, folder, glob or list file, in order. Decoding and inference overlap;
 * memory does not grow with the number of frames.
 *
 * @throws SteadysegError for an input or model that cannot be used.
 */
export async function* segmentVideo(
  input: string | FrameSource,
  model: SegmentationModel,
  options: SegmentVideoOptions = {},
): AsyncGenerator<SegmentedFrame, void, void> {
  checkSegmentOptions(model.description, options);
  const source = typeof input === 'string' ? await openFrames(input) : input;
  const { limit = Number.POSITIVE_INFINITY, tile, scales, flip, confidence } = options;
  const total = source.count === undefined ? undefined : Math.min(source.count, limit);
  const pool = await createPool(model, { tile, scales, flip, confidence }, total);
  try {
    const frames = takeFirst(source.frames({ onBad: options.onBad }), limit);
    const results = mapOrdered(
      frames,
      pool.sessions + 2,
      async ({ index, stem, image }): Promise<SegmentedFrame | undefined> => {
        try {
          const result = await pool.run({ image: movable(image), render: {} });
          return { index, stem, image: result.image, labels: result.labels, confidence: result.confidence };
        } catch (thrown) {
          if (!(thrown instanceof UnusableFrameError)) throw thrown;
          const named = ofFrame(stem, thrown);
          if (options.onBad?.(stem, named) !== 'skip') throw named;
          return undefined;
        }
      },
      options.signal,
    );
    let done = 0;
    for await (const result of results) {
      if (!result) continue;
      options.onProgress?.({ done: ++done, total });
      yield result;
    }
  } finally {
    await pool.release();
  }
}

/** At most `limit` items of a stream; what comes after is not read. */
async function* takeFirst<Item>(items: AsyncGenerator<Item>, limit: number): AsyncGenerator<Item, void, void> {
  let count = 0;
  if (count >= limit) return;
  for await (const item of items) {
    yield item;
    if (++count >= limit) return;
  }
}
