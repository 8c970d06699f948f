// The small square that shows a class's colour.
import type { Rgb } from '../media/classes.js';
import { type Html, html } from './html.js';

export function swatch([red, green, blue]: Rgb): Html {
  return html`<i class="swatch" style="background:rgb(${red},${green},${blue})"></i>`;
}
