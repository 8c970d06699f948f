// Pictures in a report, embedded, in groups that belong together.

import type { Rgb } from '../media/classes.js';
import { type Html, html } from './html.js';
import { swatch } from './swatch.js';

export interface ReportPicture {
  readonly caption: string;
  /** The encoded picture. */
  readonly bytes: Uint8Array;
  readonly type: 'image/png' | 'image/jpeg';
  readonly width: number;
  readonly height: number;
}

export interface PictureGroup {
  readonly title: string;
  readonly text?: string | undefined;
  readonly pictures: readonly ReportPicture[];
}

export interface PicturesSection {
  readonly kind: 'pictures';
  readonly title: string;
  readonly text?: string | undefined;
  readonly groups: readonly PictureGroup[];
  /** What the colours in the pictures mean. */
  readonly legend?: readonly { readonly name: string; readonly color: Rgb }[] | undefined;
}

export function renderPictures({ groups, legend = [] }: PicturesSection): Html {
  return html`${
    legend.length > 0 &&
    html`<div class="legend">${legend.map(({ name, color }) => html`<span class="key">${swatch(color)}${name}</span>`)}</div>`
  }
${groups.map(
  ({ title, text, pictures }) => html`<div class="group">
<h3>${title}</h3>
${text !== undefined && html`<p class="text">${text}</p>`}
<div class="grid">${pictures.map(
    ({ caption, bytes, type, width, height }) =>
      html`<figure><img src="data:${type};base64,${base64(bytes)}" width="${width}" height="${height}" alt="${caption}"><figcaption>${caption}</figcaption></figure>`,
  )}</div>
</div>`,
)}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
