// A legend of the classes along the lower edge of a frame: laid out and drawn once, then copied onto every frame.
import type { ClassSet, Rgb } from './classes.js';
import type { RgbImage } from './image.js';
import { drawText, FONT_HEIGHT, type TextMask, textWidth } from './strokeFont.js';

/** Where the legend of an overlay goes: over the lower edge of the frame, below it (the picture grows), or nowhere. */
export const legendPlaces = ['inside', 'below', 'off'] as const;
/** Where the legend of an overlay goes. */
export type LegendPlace = (typeof legendPlaces)[number];

/** A strip of colours with their opacity, and where its upper left corner goes. */
export interface Legend {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Colour times opacity, three a pixel. */
  readonly added: Uint8Array;
  /** What is kept of the frame, 0..255, one a pixel. */
  readonly kept: Uint8Array;
}

/** Pixels of a font unit for frames 540 pixels high; text grows with the frame. */
const UNIT_AT_540 = 1.5;
/** Below this, letters are no longer told apart. */
const MIN_UNIT = 1.2;
/** A name that is too long is better small than absent. */
const MIN_CAPTION_UNIT = 0.7;
/** Inside, a legend that takes more of the frame's height hides the scene; below, it is no longer beside the point. */
const maxShareOfHeight = { inside: 0.22, below: 1 } as const;
const BACKGROUND_OPACITY = 0.62;

/**
 * The legend for frames of a size: a swatch and a name for each class, in as many rows as needed, over a dark translucent
 * ground at the lower edge, or below it. Undefined when the frame is too small for it: text would be a few pixels high, or hide
 * too much of the scene.
 */
export function createLegend(
  classSet: ClassSet,
  size: { width: number; height: number },
  place: Exclude<LegendPlace, 'off'> = 'inside',
): Legend | undefined {
  const wished = Math.max(MIN_UNIT, (UNIT_AT_540 * Math.min(size.height, size.width * 0.75)) / 540);
  for (let unit = wished; ; unit = Math.max(MIN_UNIT, unit * 0.9)) {
    const layout = layOut(classSet, size.width, unit);
    if (layout !== undefined && layout.height <= size.height * maxShareOfHeight[place])
      return draw(classSet, place === 'below' ? size.height : size.height - layout.height, size.width, unit, layout);
    if (unit === MIN_UNIT) return undefined;
  }
}

interface Layout {
  readonly height: number;
  readonly places: readonly { readonly x: number; readonly y: number }[];
}

/** Entries row by row in columns, each as wide as its widest entry: as many as fit, then fewer if the rows stay as many. */
function layOut(classSet: ClassSet, width: number, unit: number): Layout | undefined {
  const { swatch, gap, line, edge } = measures(unit);
  const widths = classSet.classes.map((name) => swatch + 3 * gap + textWidth(name, unit));
  const starts = (columns: number): number[] => {
    const at = [edge];
    for (let column = 0; column < columns; column++) {
      at.push(at[column] + Math.max(...widths.filter((_, index) => index % columns === column)));
    }
    return at;
  };
  let columns = widths.length;
  while (columns > 0 && starts(columns)[columns] > width) columns--;
  if (columns === 0) return undefined;
  const rows = Math.ceil(widths.length / columns);
  const balanced = Math.ceil(widths.length / rows);
  // Fewer columns of other entries can be wider than more.
  const at = starts(starts(balanced)[balanced] <= width ? balanced : columns);
  const inRow = at.length - 1;
  const places = widths.map((_, index) => ({ x: at[index % inRow], y: edge + Math.floor(index / inRow) * line }));
  return { height: rows * line + 2 * edge, places };
}

function measures(unit: number) {
  const line = Math.ceil((FONT_HEIGHT + 3) * unit);
  return { line, swatch: Math.round(8 * unit), gap: Math.round(3 * unit), edge: Math.round(3 * unit) };
}

function draw(classSet: ClassSet, top: number, width: number, unit: number, layout: Layout): Legend {
  const { swatch, gap, line } = measures(unit);
  const strip = emptyStrip(width, layout.height);
  const legend = { x: 0, y: top, width, height: layout.height, ...strip };
  for (const [index, { x, y }] of layout.places.entries()) {
    const swatchTop = y + Math.floor((line - swatch) / 2);
    const color = classSet.palette[index];
    // A light frame around each swatch keeps dark colours apart from the ground.
    paintRectangle(legend, x, swatchTop, swatch, swatch, [150, 150, 150]);
    paintRectangle(legend, x + 1, swatchTop + 1, swatch - 2, swatch - 2, color);
    const mask = drawText(classSet.classes[index], unit);
    // The middle between that of small letters and that of capitals lies in the middle of the line.
    paintText(legend, mask, x + swatch + gap, y + Math.round((line - mask.height + unit) / 2));
  }
  return legend;
}

function emptyStrip(width: number, height: number): { added: Uint8Array; kept: Uint8Array } {
  return {
    added: new Uint8Array(width * height * 3),
    kept: new Uint8Array(width * height).fill(Math.round(255 * (1 - BACKGROUND_OPACITY))),
  };
}

/**
 * A line of text on a dark translucent ground, for the upper left corner (x, y) of its box; text that would make it wider
 * than `maxWidth` is drawn smaller, and left out (undefined) where it would be illegible.
 */
export function createCaption(
  text: string,
  unit: number,
  x: number,
  y: number,
  maxWidth = Number.POSITIVE_INFINITY,
): Legend | undefined {
  const fitting = Math.min(unit, (unit * maxWidth) / (textWidth(text, unit) + 4 * unit));
  if (fitting < MIN_CAPTION_UNIT) return undefined;
  const mask = drawText(text, fitting);
  const padding = Math.round(2 * fitting);
  const [width, height] = [mask.width + 2 * padding, mask.height + 2 * padding];
  const caption = { x, y, width, height, ...emptyStrip(width, height) };
  paintText(caption, mask, padding, padding + Math.round(fitting / 2));
  return caption;
}

function paintRectangle(strip: Legend, left: number, top: number, width: number, height: number, color: Rgb): void {
  for (let y = Math.max(0, top); y < Math.min(strip.height, top + height); y++) {
    for (let x = Math.max(0, left); x < Math.min(strip.width, left + width); x++) {
      strip.added.set(color, (y * strip.width + x) * 3);
      strip.kept[y * strip.width + x] = 0;
    }
  }
}

function paintText(strip: Legend, mask: TextMask, left: number, top: number): void {
  for (let y = Math.max(0, -top); y < Math.min(mask.height, strip.height - top); y++) {
    for (let x = 0; x < Math.min(mask.width, strip.width - left); x++) {
      const opacity = mask.alpha[y * mask.width + x];
      if (opacity === 0) continue;
      const at = (top + y) * strip.width + left + x;
      for (let channel = at * 3; channel < at * 3 + 3; channel++) {
        strip.added[channel] = (strip.added[channel] * (255 - opacity) + 255 * opacity) / 255;
      }
      strip.kept[at] = (strip.kept[at] * (255 - opacity)) / 255;
    }
  }
}

/** A picture with its legend: drawn onto it, or onto black rows below it, an even number of them, as videos want it. */
export function withLegend(image: RgbImage, legend: Legend | undefined): RgbImage {
  if (legend === undefined) return image;
  const below = Math.max(0, legend.y + legend.height - image.height);
  const height = image.height + below + (below % 2);
  let drawn = image;
  if (below > 0) {
    drawn = { width: image.width, height, data: new Uint8Array(image.width * height * 3) };
    drawn.data.set(image.data);
  }
  drawLegend(drawn, legend);
  return drawn;
}

/** Draws a legend or caption onto a picture, in place; what lies outside is cut off. */
export function drawLegend(image: RgbImage, legend: Legend): void {
  const { data } = image;
  const { added, kept } = legend;
  const right = Math.min(legend.width, image.width - legend.x);
  const bottom = Math.min(legend.height, image.height - legend.y);
  for (let y = Math.max(0, -legend.y); y < bottom; y++) {
    let from = y * legend.width + Math.max(0, -legend.x);
    let to = ((legend.y + y) * image.width + legend.x + Math.max(0, -legend.x)) * 3;
    for (let x = Math.max(0, -legend.x); x < right; x++, from++, to += 3) {
      const keep = kept[from];
      data[to] = added[from * 3] + (((data[to] * keep + 127) / 255) | 0);
      data[to + 1] = added[from * 3 + 1] + (((data[to + 1] * keep + 127) / 255) | 0);
      data[to + 2] = added[from * 3 + 2] + (((data[to + 2] * keep + 127) / 255) | 0);
    }
  }
}
