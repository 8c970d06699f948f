// Whether integers make a network flicker: it and the float one on the same neighbouring frames, compared along the flow.
import { measureAlongFlow, reading, type SureLabels } from '../data/evaluation/alongFlow.js';
import { openFlowSource } from '../flow/open.js';
import type { ClassSet } from '../media/classes.js';
import { openFrames } from '../media/frames.js';
import type { RgbImage } from '../media/image.js';
import { addCounts, noCounts } from '../metrics/classCounts.js';
import { steadiness, steadinessOf } from '../metrics/steadiness.js';
import { temporalConsistency } from '../metrics/temporalConsistency.js';
import type { OpenNetwork } from '../segment/model.js';
import { segmentFrame } from '../segment/segment.js';
import { stopIfAborted } from './interruption.js';

/** How steady a network is, all 0..1. */
export interface MeasuredSteadiness {
  /** Share of the visible pixels whose class changes. */
  readonly flicker: number;
  /** Temporal kappa (SPEC §10). */
  readonly kappa: number;
  /** Temporal consistency, `masked`. */
  readonly tc: number;
}

/** Both networks on the same pairs. */
export interface SteadinessOfBoth {
  readonly before: MeasuredSteadiness;
  readonly after: MeasuredSteadiness;
  readonly pairs: number;
  /** What made the flow. */
  readonly flow: string;
}

/** Frames that are compared: the first of the input. */
const MAX_FRAMES = 24;

/**
 * Compares the labels of each of the first frames with those of the next, for both networks.
 * @returns undefined of an input without neighbouring frames, or where none of their pixels can be followed
 */
export async function compareSteadiness(options: {
  readonly input: string;
  readonly classSet: ClassSet;
  readonly before: OpenNetwork;
  readonly after: OpenNetwork;
  readonly threads: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onFrame: (done: number, total: number) => void;
}): Promise<SteadinessOfBoth | undefined> {
  const { input, classSet, threads, signal, onFrame } = options;
  const source = await openFrames(input);
  const flow = await openFlowSource('dis', { threads, cache: false });
  // One after another: a session runs one frame at a time.
  let turn: Promise<unknown> = Promise.resolve();
  const labels = (network: OpenNetwork, image: Promise<RgbImage>): Promise<SureLabels> => {
    const made = turn.then(async () => {
      stopIfAborted(signal);
      return (await segmentFrame(network, await image, {})).labels;
    });
    turn = made.catch(() => {});
    return made;
  };
  const classes = classSet.classes.length;
  const sums = { before: noCounts(classes), after: noCounts(classes), pairs: 0 };
  try {
    await measureAlongFlow(
      source,
      {
        ...{ frames: input, classSet, flow, threads, mode: 'masked', keep: false, keepGoing: true, limit: MAX_FRAMES },
        onProgress: ({ done, total }) => onFrame(done, total ?? MAX_FRAMES),
      },
      {
        mapsOf: (frame) => ({
          prediction: reading(frame.stem, labels(options.after, frame.image())),
          reference: reading(frame.stem, labels(options.before, frame.image())),
        }),
        countFrame: () => undefined,
        onFrame: () => {},
        onPair({ counts, referenceCounts }) {
          if (!referenceCounts) throw new Error('a pair has a reference');
          sums.after = addCounts(sums.after, counts);
          sums.before = addCounts(sums.before, referenceCounts);
          sums.pairs++;
        },
      },
    );
  } finally {
    await flow.close();
  }
  stopIfAborted(signal);
  const [before, after] = [sums.before, sums.after].map((counts) => {
    const { steady, kappa } = steadiness(steadinessOf(counts));
    return { flicker: 1 - steady, kappa, tc: temporalConsistency(counts, 'masked').tc };
  });
  return Number.isFinite(before.flicker) ? { before, after, pairs: sums.pairs, flow: flow.name } : undefined;
}
