// Label maps as colours: pictures, and overlays on the frame.
import { SteadysegError } from '../base/errors.js';
import type { ClassSet } from './classes.js';
import { checkImage, checkLabelMap, type LabelMap, type RgbImage } from './image.js';
import { type Legend, withLegend } from './legend.js';

/** Share of the class colour in an overlay. */
export const DEFAULT_OPACITY = 0.5;
/** The same for pixels whose right or lower neighbour is of another class: the borders stay visible where colours are alike. */
const BORDER_OPACITY = 0.85;

/** RGB of all 256 ids; ids that are no class are black. */
export function paletteOf(classSet: ClassSet): Uint8Array {
  const palette = new Uint8Array(256 * 3);
  for (const [id, color] of classSet.palette.entries()) palette.set(color, id * 3);
  return palette;
}

/** The label map in its class colours; pixels of no class are black. */
export function colorize(labels: LabelMap, classSet: ClassSet): RgbImage {
  checkLabelMap(labels);
  const { width, height, data: ids } = labels;
  const palette = paletteOf(classSet);
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0, to = 0; pixel < ids.length; pixel++, to += 3) {
    const from = ids[pixel] * 3;
    data[to] = palette[from];
    data[to + 1] = palette[from + 1];
    data[to + 2] = palette[from + 2];
  }
  return { width, height, data };
}

/** How classes are drawn over a frame. */
export interface OverlayOptions {
  /** Share of the class colour, 0..1 (default 0.5). */
  readonly opacity?: number | undefined;
  /** Made once by `createLegend` and drawn on every frame. */
  readonly legend?: Legend | undefined;
}

/**
 * Blends the class colours over a frame, borders between classes stronger; pixels of no class show the frame.
 * @throws SteadysegError when the sizes differ.
 */
export function overlay(image: RgbImage, labels: LabelMap, classSet: ClassSet, options: OverlayOptions = {}): RgbImage {
  checkImage(image);
  checkLabelMap(labels);
  const { width, height } = image;
  if (labels.width !== width || labels.height !== height) {
    throw new SteadysegError(
      `expected a label map of the frame's size ${width}×${height}, found ${labels.width}×${labels.height}`,
    );
  }
  const inside = blendTables(classSet, options.opacity ?? DEFAULT_OPACITY);
  const border = blendTables(classSet, Math.max(BORDER_OPACITY, options.opacity ?? DEFAULT_OPACITY));
  const ids = labels.data;
  const source = image.data;
  const data = new Uint8Array(source.length);
  const last = width - 1;
  for (let y = 0, pixel = 0, at = 0; y < height; y++) {
    const down = y + 1 < height ? width : 0;
    for (let x = 0; x < width; x++, pixel++, at += 3) {
      const id = ids[pixel];
      const edge = id !== ids[pixel + down] || (x < last && id !== ids[pixel + 1]);
      const { kept, added } = edge ? border : inside;
      const keep = kept[id];
      const from = id * 3;
      data[at] = (source[at] * keep + added[from]) >> 8;
      data[at + 1] = (source[at + 1] * keep + added[from + 1]) >> 8;
      data[at + 2] = (source[at + 2] * keep + added[from + 2]) >> 8;
    }
  }
  return withLegend({ width, height, data }, options.legend);
}

/** For each id, how much of the frame is kept (of 256) and what is added to each channel (in 256ths, rounding included). */
function blendTables(classSet: ClassSet, opacity: number): { kept: Uint16Array; added: Uint16Array } {
  const kept = new Uint16Array(256).fill(256);
  const added = new Uint16Array(256 * 3);
  const share = Math.round(Math.min(1, Math.max(0, opacity)) * 256);
  for (const [id, color] of classSet.palette.entries()) {
    kept[id] = 256 - share;
    for (let channel = 0; channel < 3; channel++) added[id * 3 + channel] = color[channel] * share + 127;
  }
  return { kept, added };
}
