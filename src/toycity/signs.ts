// Traffic signs and direction boards.
import { cover } from './pattern.js';
import type { Strip } from './strip.js';

/** Paints a strip of a sign; the numbers of its material are its design and half its size in metres. */
export function paintSign(strip: Strip, material: Float64Array): void {
  const design = material[6];
  const half = material[7];
  for (let k = 0; k < strip.count; k++) {
    const inkCover = signInk(design, strip.u[k] / half, strip.v[k] / half, strip.footprint[k] / half);
    let red = material[0];
    let green = material[1];
    let blue = material[2];
    if (inkCover > 1) {
      const ink = inkCover - 2;
      // Dark ink.
      red += (0.02 - red) * ink;
      green += (0.02 - green) * ink;
      blue += (0.02 - blue) * ink;
    } else if (inkCover < 0) {
      // White ink.
      red += (0.8 - red) * -inkCover;
      green += (0.8 - green) * -inkCover;
      blue += (0.8 - blue) * -inkCover;
    } else {
      red += (material[3] - red) * inkCover;
      green += (material[4] - green) * inkCover;
      blue += (material[5] - blue) * inkCover;
    }
    strip.red[k] = red;
    strip.green[k] = green;
    strip.blue[k] = blue;
    strip.mirror[k] = 0;
  }
}

/**
 * Ink of a sign at (u, v) in half sizes from its middle: 0..1 the second colour's cover, 2..3 dark ink's cover plus 2,
 * -1..0 white ink's cover, negated.
 */
function signInk(design: number, u: number, v: number, footprint: number): number {
  const radius = Math.sqrt(u * u + v * v);
  const digits = cover(Math.min(0.34 - Math.abs(v), 0.1 - Math.abs(Math.abs(u) - 0.2)), footprint);
  switch (design) {
    case 0:
      return radius > 0.7 ? cover(radius - 0.7, footprint) : digits > 0 ? 2 + digits : 0;
    case 1:
      return -cover(Math.min(0.6 - Math.abs(v), 0.16 + 0.4 * Math.max(0, v - 0.1) - Math.abs(u)), footprint);
    case 2: {
      // Upright triangle with corners at (0, 1), (±0.87, -0.5): distance inside its edges.
      const inside = Math.min(v + 0.5, 0.5 - 0.5 * v - 0.866 * Math.abs(u));
      return inside < 0.16 ? cover(0.16 - inside, footprint) : Math.abs(u) < 0.06 && v < 0.35 ? 3 : 0;
    }
    case 3:
      return -cover(Math.min(0.6 - Math.abs(v), 0.22 - Math.abs(u + 0.05)), footprint);
    case 4:
      return -cover(Math.min(0.16 - Math.abs(v), 0.62 - Math.abs(u)), footprint);
    case 5:
      return Math.abs(u) + Math.abs(v) < 0.72 ? 0.35 : 0;
    default:
      return 2 + cover(Math.min(0.12 - Math.abs(Math.abs(v) - 0.3), 0.7 - Math.abs(u)), footprint);
  }
}
