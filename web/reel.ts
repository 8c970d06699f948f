// The frames that were worked on, kept to be seen again at their own pace.
import type { LabelMap, RgbImage } from '../src/web.js';

/** A browser gives a page a few gigabytes at best. */
const MAX_BYTES = 400e6;

interface Frame {
  readonly image: RgbImage;
  readonly labels: Readonly<Record<string, LabelMap>>;
}

export interface Reel<Step> {
  add(step: Step): void;
  /** The frames that are kept: the last ones. */
  steps(): readonly Step[];
  /** How many frames were added, kept or not. */
  added(): number;
  clear(): void;
}

export function createReel<Step extends Frame>(): Reel<Step> {
  let steps: Step[] = [];
  let bytes = 0;
  let added = 0;
  const sizeOf = ({ image, labels }: Step) =>
    image.data.length + Object.values(labels).reduce((sum, { data }) => sum + data.length, 0);
  return {
    add(step) {
      steps.push(step);
      added++;
      bytes += sizeOf(step);
      while (bytes > MAX_BYTES && steps.length > 1) bytes -= sizeOf(steps.shift() ?? step);
    },
    steps: () => steps,
    added: () => added,
    clear() {
      steps = [];
      bytes = 0;
      added = 0;
    },
  };
}
