// A clip that a network may flicker on: a textured picture that moves to the left, under noise.
import { join } from 'node:path';
import { writePicture } from '#src/media/pictures.js';
import { createRandom } from '#src/tensor/random.js';

export interface TexturedClip {
  readonly height: number;
  readonly width: number;
  /** Full range of the noise, of 255. */
  readonly noise: number;
  /** Frames. */
  readonly count?: number;
}

/** Writes its frames: 8, `000.png` to `007.png`, by default. @returns their paths. */
export async function writeTexturedClip(
  out: string,
  { height, width, noise, count = 8 }: TexturedClip,
): Promise<string[]> {
  const random = createRandom(7);
  const paths: string[] = [];
  for (let t = 0; t < count; t++) {
    const data = new Uint8Array(3 * width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++) {
          const value =
            128 + 50 * Math.sin((x + t) * 0.35 + c) + 40 * Math.cos(y * 0.3 - c) + noise * (random.uniform() - 0.5);
          data[3 * (y * width + x) + c] = Math.max(0, Math.min(255, Math.round(value)));
        }
      }
    }
    paths.push(join(out, `${String(t).padStart(3, '0')}.png`));
    await writePicture(paths[t], { width, height, data });
  }
  return paths;
}
