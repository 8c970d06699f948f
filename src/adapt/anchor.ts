// Pictures unlike the clip's, on which an adapted network should still say what the original says: so it does not forget other places.
import type { Size } from '../media/image.js';
import type { Random } from '../tensor/random.js';

/** Ranges of the changes; each is drawn anew for every picture. */
const changes = { brightness: 0.35, contrast: 0.4, colour: 0.25, smallestZoom: 0.4, mixed: 0.5 } as const;

/**
 * A picture made of frames: a part of one, enlarged, perhaps mirrored, in other light and colours; every second time with a
 * rectangle of another frame, changed likewise, over it.
 *
 * @param frameOf gives a frame's RGB planes, 3×height×width. @param count frames to draw from.
 */
export async function anchorPicture(
  random: Random,
  count: number,
  frameOf: (index: number) => Promise<Uint8Array>,
  size: Size,
): Promise<Uint8Array> {
  const first = changed(random, await frameOf(random.integer(count)), size);
  if (random.uniform() >= changes.mixed) return first;
  const second = changed(random, await frameOf(random.integer(count)), size);
  const { height, width } = size;
  const [tall, wide] = [0, 0].map(() => 0.3 + 0.4 * random.uniform());
  const top = Math.floor(random.uniform() * (1 - tall) * height);
  const left = Math.floor(random.uniform() * (1 - wide) * width);
  const columns = Math.floor(wide * width);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = top; y < top + Math.floor(tall * height); y++) {
      const start = (channel * height + y) * width + left;
      first.set(second.subarray(start, start + columns), start);
    }
  }
  return first;
}

/** A part of a frame, enlarged to its size, perhaps mirrored, with other brightness, contrast and colours. */
function changed(random: Random, planes: Uint8Array, { height, width }: Size): Uint8Array {
  const symmetric = () => 2 * random.uniform() - 1;
  const zoom = changes.smallestZoom + (1 - changes.smallestZoom) * random.uniform();
  const x0 = random.uniform() * (1 - zoom) * (width - 1);
  const y0 = random.uniform() * (1 - zoom) * (height - 1);
  const mirrored = random.uniform() < 0.5;
  const contrast = 1 + changes.contrast * symmetric();
  const brightness = 255 * changes.brightness * symmetric();
  const out = new Uint8ClampedArray(planes.length);
  const pixels = height * width;
  for (let channel = 0; channel < 3; channel++) {
    const scale = contrast * (1 + changes.colour * symmetric());
    const offset = 128 + brightness - 128 * scale;
    for (let y = 0, i = channel * pixels; y < height; y++) {
      const row = channel * pixels + Math.round(y0 + zoom * y) * width;
      for (let x = 0; x < width; x++, i++) {
        const at = Math.round(x0 + zoom * (mirrored ? width - 1 - x : x));
        out[i] = scale * planes[row + at] + offset;
      }
    }
  }
  return new Uint8Array(out.buffer);
}
