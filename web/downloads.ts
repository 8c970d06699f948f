// Files for the visitor: the overlay and the label map of what is shown, and the label maps of all frames.
import { type ClassSet, canvasOfImage, overlay } from '../src/web.js';
import type { Side } from './networkWorker.js';
import { labelsPng } from './png.js';
import type { Step } from './studio.js';
import { zipOf } from './zip.js';

/** Hands a file to the browser. */
export function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads it later than this.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The classes over the frame, as a PNG. */
export async function downloadOverlay(step: Step, side: Side, classes: ClassSet, opacity: number): Promise<void> {
  const labels = step.labels[side];
  if (!labels) return;
  const { data, width, height } = canvasOfImage(overlay(step.image, labels, classes, { opacity }));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
  download(await canvas.convertToBlob({ type: 'image/png' }), `${step.stem}-${side}-overlay.png`);
}

/** Train ids as a greyscale PNG. */
export async function downloadLabels(step: Step, side: Side): Promise<void> {
  const labels = step.labels[side];
  if (!labels) return;
  download(new Blob([await labelsPng(labels)], { type: 'image/png' }), `${step.stem}-${side}-labels.png`);
}

/** All of them, as `predict` names them. */
export async function downloadAllLabels(steps: readonly Step[], side: Side): Promise<void> {
  const entries = [];
  for (const { labels, stem } of steps) {
    const own = labels[side];
    if (own) entries.push({ name: `labels/${stem}.png`, content: await labelsPng(own) });
  }
  download(zipOf(entries), `${side}-labels.zip`);
}
