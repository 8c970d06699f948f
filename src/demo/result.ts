// What the demo found, as `demo.json` and the report hold it.
import type { Measurement } from './measure.js';

/** What the demo measured, and where its files are. */
export interface DemoResult {
  readonly measurement: Measurement;
  /** Share of the pixels of the shown clip whose label changes from a frame to the next; motion of the scene is part of it. */
  readonly flicker: readonly [plain: number, steady: number];
  readonly seconds: number;
  readonly files: {
    readonly report: string;
    readonly comparison: string;
    readonly overlays: readonly [plain: string, steady: string];
    readonly flicker: string;
    readonly clip: string;
    readonly figures: string;
    readonly picture?: string | undefined;
  };
}
