// What the demo found, as `demo.json` and the report hold it.
import type { ClassSet } from '../media/classes.js';

/** What is compared: the network as it came, and adapted to the clip. */
export const demoSides = ['before', 'after'] as const;

/** Figures of one network on the clip, 0..1; NaN for a class that does not occur. */
export interface DemoFigures {
  /** Share of the visible pixels that keep their class along the flow, and `1 - steady`. */
  readonly steady: number;
  readonly flicker: number;
  readonly kappa: number;
  /** `masked`. */
  readonly tc: number;
  /** `cityscapes` convention, against the exact labels of the demo's own clip. */
  readonly mIoU?: number | undefined;
  readonly flickerOfClasses: readonly number[];
}

/** A pair of neighbouring frames, and its share of steady pixels before and after. */
export interface DemoPair {
  readonly first: string;
  readonly second: string;
  readonly steady: readonly [before: number, after: number];
}

/** What the demo measured, and where its files are. */
export interface DemoResult {
  /** Whether a steadier network was found; without one, both sides are the same. */
  readonly adapted: boolean;
  /** Network and video. */
  readonly model: string;
  readonly input: string;
  readonly frames: number;
  readonly before: DemoFigures;
  readonly after: DemoFigures;
  /** Share of the pixels of which the network was sure that keep their class when adapted. */
  readonly agreement: number;
  /** TC of the exact labels, the ceiling, of the demo's own clip. */
  readonly labelsTc?: number | undefined;
  /** What neighbouring frames were compared along. */
  readonly flow: string;
  /** The pair of median improvement, which the report shows. */
  readonly shown: DemoPair;
  readonly steps: number;
  readonly seconds: number;
  readonly classes: ClassSet;
  readonly files: {
    readonly model: string;
    readonly report: string;
    readonly comparison: string;
    readonly flicker: string;
    /** Results of `predict`: label maps, colour maps, overlays. */
    readonly before: string;
    readonly after: string;
    readonly figures: string;
    readonly picture?: string | undefined;
  };
}
