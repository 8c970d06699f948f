// The worker that measures: flow between neighbouring frames by dense inverse search, and steadiness along it (SPEC section 10).
import {
  createSteadinessMeter,
  denseInverseSearch,
  flickerScale,
  type LabelMap,
  type OpticalFlow,
  paintFlicker,
  type RgbImage,
  type Steadiness,
  type SteadinessMeter,
} from '../src/web.js';
import type { Side } from './networkWorker.js';
import { offer } from './remote.js';

export type Figures = Readonly<Partial<Record<Side, Steadiness>>>;
type Labels = Readonly<Partial<Record<Side, LabelMap>>>;

let previous: { readonly image: RgbImage; labels?: Labels } | undefined;
let flows: { forward: OpticalFlow; backward: OpticalFlow } | undefined;
let current: { readonly image: RgbImage } | undefined;
let meters: Partial<Record<Side, SteadinessMeter>> = {};

const functions = {
  /** Begins a clip. @param classes of the network of each side. */
  begin(classes: Readonly<Partial<Record<Side, number>>>): void {
    meters = {};
    for (const [side, count] of Object.entries(classes)) meters[side as Side] = createSteadinessMeter(count);
    previous = undefined;
    current = undefined;
    flows = undefined;
  },
  /** Computes the flow between the last frame and this one, there and back. */
  follow(image: RgbImage): void {
    const from = previous?.image;
    const fits = from && from.width === image.width && from.height === image.height;
    flows = fits ? { forward: denseInverseSearch(from, image), backward: denseInverseSearch(image, from) } : undefined;
    current = { image };
  },
  /** Compares the labels of that frame with those of the last; gives the figures of all pairs so far. */
  compare(labels: Labels): Figures {
    const figures: Partial<Record<Side, Steadiness>> = {};
    for (const [name, meter] of Object.entries(meters)) {
      const side = name as Side;
      const [before, after] = [previous?.labels?.[side], labels[side]];
      if (flows && before && after) meter.add(before, after, flows.forward, flows.backward);
      const found = meter.figures();
      if (found) figures[side] = found;
    }
    if (current) previous = { ...current, labels };
    return figures;
  },
  /** Where the labels flicker, on one scale for both sides. */
  flicker(): { maps: Partial<Record<Side, RgbImage>>; end: number } {
    const found = Object.entries(meters).flatMap(([side, meter]) => {
      const flicker = meter.flicker();
      return flicker ? [[side as Side, flicker] as const] : [];
    });
    const end = found.length > 0 ? flickerScale(found.map(([, flicker]) => flicker)) : 1;
    return { maps: Object.fromEntries(found.map(([side, flicker]) => [side, paintFlicker(flicker, end)])), end };
  },
};

export type SteadinessFunctions = typeof functions;

offer(functions);
