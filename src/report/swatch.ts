// The small square that shows a class's colour.
import { type Html, html } from './html.js';

/** Red, green and blue, 0..255 each. */
export type Color = readonly [red: number, green: number, blue: number];

export function swatch([red, green, blue]: Color): Html {
  return html`<i class="swatch" style="background:rgb(${red},${green},${blue})"></i>`;
}
