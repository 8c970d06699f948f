// The picture in the middle: what the left network says on one side of a line that can be moved, the right one's on the other.
import { type ClassSet, canvasOfImage, type LabelMap, overlay, type RgbImage } from '../src/web.js';
import { element } from './elements.js';
import type { Side } from './networkWorker.js';

/** What is shown of a frame. */
export interface Shown {
  readonly image: RgbImage;
  readonly labels: Readonly<Partial<Record<Side, LabelMap>>>;
  readonly classes: Readonly<Partial<Record<Side, ClassSet>>>;
  /** Share of the class colours. */
  readonly opacity: number;
  /** Shown in place of the classes. */
  readonly maps?: Readonly<Partial<Record<Side, RgbImage>>> | undefined;
}

export interface Stage {
  show(shown: Shown): void;
}

export function createStage(): Stage {
  const canvas = element('canvas', HTMLCanvasElement);
  const split = element('split', HTMLInputElement);
  const line = element('line', HTMLDivElement);
  const frame = element('stage', HTMLDivElement);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no canvas to draw on');
  let sides: Readonly<Record<Side, ImageData>> | undefined;

  const compose = () => {
    const share = Number(split.value) / 100;
    line.style.left = `${100 * share}%`;
    if (!sides) return;
    const at = Math.round(share * canvas.width);
    context.putImageData(sides.left, 0, 0, 0, 0, at, canvas.height);
    context.putImageData(sides.right, 0, 0, at, 0, canvas.width - at, canvas.height);
  };
  split.addEventListener('input', compose);
  const follow = (event: PointerEvent) => {
    const { left, width } = canvas.getBoundingClientRect();
    split.value = String(Math.min(100, Math.max(0, (100 * (event.clientX - left)) / width)));
    compose();
  };
  split.addEventListener('pointerdown', (event) => {
    split.setPointerCapture(event.pointerId);
    follow(event);
  });
  split.addEventListener('pointermove', (event) => {
    if (split.hasPointerCapture(event.pointerId)) follow(event);
  });
  compose();

  return {
    show(shown) {
      const { width, height } = shown.image;
      if (canvas.width !== width || canvas.height !== height) {
        Object.assign(canvas, { width, height });
        frame.style.aspectRatio = `${width} / ${height}`;
      }
      sides = { left: pixelsOf(shown, 'left'), right: pixelsOf(shown, 'right') };
      compose();
    },
  };
}

/** A side without a network shows the picture as it is. */
function pixelsOf({ image, labels, classes, opacity, maps }: Shown, side: Side): ImageData {
  const [map, own, names] = [maps?.[side], labels[side], classes[side]];
  const drawn = map ?? (own && names ? overlay(image, own, names, { opacity }) : image);
  const { data, width, height } = canvasOfImage(drawn);
  return new ImageData(data, width, height);
}
