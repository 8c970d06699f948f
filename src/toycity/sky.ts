// The sky: its colours from horizon to zenith, a layer of clouds, and the glare around the sun.
import type { Light } from './lighting.js';
import { type Noise, noiseAt } from './noise.js';
import type { Strip } from './strip.js';
import type { View } from './view.js';

/** Writes the light of a strip of sky in sample row `gy` into `colors`. */
export function shadeSky(view: View, light: Light, noise: Noise, strip: Strip, gy: number, colors: Float32Array): void {
  const { step, rayX, rayY, columns, cameraToWorld: world } = view;
  const { clouds, horizon, sun, sunColor, zenith } = light;
  const ry = gy * step + rayY;
  for (let k = 0; k < strip.count; k++) {
    const gx = strip.columns[k];
    const rx = gx * step + rayX;
    const x = world[0] * rx + world[1] * ry + world[2];
    const y = world[4] * rx + world[5] * ry + world[6];
    const z = world[8] * rx + world[9] * ry + world[10];
    const length = 1 / Math.sqrt(x * x + y * y + z * z);
    const elevation = Math.max(0, y * length);
    const blueness = 1 - 1 / (1 + 3.2 * elevation);
    let red = horizon[0] + (zenith[0] - horizon[0]) * blueness;
    let green = horizon[1] + (zenith[1] - horizon[1]) * blueness;
    let blue = horizon[2] + (zenith[2] - horizon[2]) * blueness;
    const toSun = Math.max(0, (x * sun[0] + y * sun[1] + z * sun[2]) * length);
    if (elevation > 0.015) {
      // A layer of clouds overhead.
      const cx = x / (y + 0.06);
      const cz = z / (y + 0.06);
      const puff =
        noiseAt(noise, cx, cz, 13, (3 * step) / (y + 0.03)) +
        0.6 * noiseAt(noise, cz + 7, cx, 41, (3 * step) / (y + 0.03));
      const edge = 0.9 - 1.7 * clouds;
      const amount = Math.min(1, Math.max(0, (puff * 0.9 - edge) * 1.1)) * Math.min(1, elevation * 9);
      const bright = 0.78 + 0.2 * toSun - 0.2 * Math.max(0, puff) * clouds;
      red += (bright * (0.9 + 0.1 * horizon[0]) - red) * amount;
      green += (bright * (0.9 + 0.1 * horizon[1]) - green) * amount;
      blue += (bright * 1.02 - blue) * amount;
    }
    const glare = toSun ** 24 * sunColor[0] * 0.35;
    const o = 3 * (gy * columns + gx);
    colors[o] = red + glare;
    colors[o + 1] = green + glare * 0.9;
    colors[o + 2] = blue + glare * 0.75;
  }
}
