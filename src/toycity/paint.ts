// The reflectance of a strip of samples: which pattern paints it, and the patterns that take a few lines.
import { paintFacade } from './facade.js';
import { paintGround } from './ground.js';
import { patterns } from './materials.js';
import { cellHash, type Noise, noiseAt } from './noise.js';
import { cover, distanceToWhole } from './pattern.js';
import { paintSign } from './signs.js';
import type { Street } from './street.js';
import type { Strip } from './strip.js';

/** Brightness of a lamp that is off. */
const UNLIT_LAMP = 0.12;

/** Writes the strip's colours and mirrors. `material` has two colours, then the numbers of its pattern. */
export function paint(strip: Strip, pattern: number, material: Float64Array, noise: Noise, street: Street): void {
  switch (pattern) {
    case patterns.ground:
      paintGround(strip, noise, street);
      break;
    case patterns.facade:
      paintFacade(strip, noise, material);
      break;
    case patterns.plain:
      paintPlain(strip, noise, material);
      break;
    case patterns.paint:
      paintGloss(strip, material);
      break;
    case patterns.glass:
      paintGlass(strip, noise, material);
      break;
    case patterns.foliage:
      paintFoliage(strip, noise, material);
      break;
    case patterns.bricks:
      paintBricks(strip, noise, material);
      break;
    case patterns.planks:
      paintPlanks(strip, noise, material);
      break;
    case patterns.hoarding:
      paintHoarding(strip, noise, material);
      break;
    case patterns.wheel:
      paintWheel(strip, material);
      break;
    case patterns.sign:
      paintSign(strip, material);
      break;
    case patterns.lamp:
      paintEvenly(strip, material, UNLIT_LAMP);
      break;
    default:
      paintEvenly(strip, material, 1);
      break;
  }
}

/** The material's first colour times `tone`. */
export function paintEvenly(strip: Strip, material: Float64Array, tone: number): void {
  for (let k = 0; k < strip.count; k++) {
    strip.red[k] = material[0] * tone;
    strip.green[k] = material[1] * tone;
    strip.blue[k] = material[2] * tone;
    strip.mirror[k] = 0;
  }
}

function paintPlain(strip: Strip, noise: Noise, material: Float64Array): void {
  const amplitude = material[6];
  const density = material[7];
  for (let k = 0; k < strip.count; k++) {
    const grain = 1 + amplitude * noiseAt(noise, strip.u[k], strip.v[k], density, strip.footprint[k]);
    strip.red[k] = material[0] * grain;
    strip.green[k] = material[1] * grain;
    strip.blue[k] = material[2] * grain;
    strip.mirror[k] = 0;
  }
}

function paintGloss(strip: Strip, material: Float64Array): void {
  for (let k = 0; k < strip.count; k++) {
    strip.red[k] = material[0];
    strip.green[k] = material[1];
    strip.blue[k] = material[2];
    strip.mirror[k] = 0.06 + 0.22 * Math.max(0, strip.up[k]);
  }
}

/** Panes mirror the sky above and the dark street below. */
function paintGlass(strip: Strip, noise: Noise, material: Float64Array): void {
  for (let k = 0; k < strip.count; k++) {
    strip.red[k] = material[0];
    strip.green[k] = material[1];
    strip.blue[k] = material[2];
    strip.mirror[k] =
      0.06 +
      0.34 * Math.min(1, Math.max(0, 0.45 + 0.6 * (strip.y[k] - 1.2))) +
      0.25 * Math.max(0, strip.up[k]) +
      0.08 * noiseAt(noise, strip.u[k], strip.v[k], 14, strip.footprint[k]);
  }
}

function paintFoliage(strip: Strip, noise: Noise, material: Float64Array): void {
  const seed = material[7];
  for (let k = 0; k < strip.count; k++) {
    const u = strip.u[k];
    const v = strip.v[k];
    const footprint = strip.footprint[k];
    const leaves = noiseAt(noise, v + 3 * seed, u, 110, footprint);
    const clumps = noiseAt(noise, v + seed, u, 11, footprint);
    const mixed = Math.min(1, Math.max(0, 0.45 + 0.85 * leaves + 0.4 * clumps + 0.2 * strip.up[k]));
    const depth = 0.55 + 0.45 * mixed;
    strip.red[k] = (material[3] + (material[0] - material[3]) * mixed) * depth;
    strip.green[k] = (material[4] + (material[1] - material[4]) * mixed) * depth;
    strip.blue[k] = (material[5] + (material[2] - material[5]) * mixed) * depth;
    strip.mirror[k] = 0;
  }
}

function paintBricks(strip: Strip, noise: Noise, material: Float64Array): void {
  const length = material[6];
  const height = material[7];
  for (let k = 0; k < strip.count; k++) {
    const u = strip.u[k];
    const v = strip.v[k];
    const footprint = strip.footprint[k];
    const row = v / height;
    const column = u / length + 0.5 * (Math.floor(row) & 1);
    const joint = cover(0.012 - Math.min(height * distanceToWhole(row), length * distanceToWhole(column)), footprint);
    const tone =
      (0.86 + 0.28 * cellHash(Math.floor(row), Math.floor(column), 9)) *
      (1 + 0.14 * noiseAt(noise, u, v, 30, footprint));
    strip.red[k] = material[0] * tone + (material[3] - material[0]) * joint * 0.6;
    strip.green[k] = material[1] * tone + (material[4] - material[1]) * joint * 0.6;
    strip.blue[k] = material[2] * tone + (material[5] - material[2]) * joint * 0.6;
    strip.mirror[k] = 0;
  }
}

function paintPlanks(strip: Strip, noise: Noise, material: Float64Array): void {
  const width = material[6];
  const along = material[7] === 1 ? strip.v : strip.u;
  for (let k = 0; k < strip.count; k++) {
    const footprint = strip.footprint[k];
    const board = along[k] / width;
    const gap = cover(0.012 - width * distanceToWhole(board), footprint);
    const tone =
      (0.82 + 0.36 * cellHash(Math.floor(board), 3, 1)) *
      (1 + 0.16 * noiseAt(noise, strip.u[k] * 2, strip.v[k], 34, footprint)) *
      (1 - 0.75 * gap);
    strip.red[k] = material[0] * tone;
    strip.green[k] = material[1] * tone;
    strip.blue[k] = material[2] * tone;
    strip.mirror[k] = 0;
  }
}

function paintHoarding(strip: Strip, noise: Noise, material: Float64Array): void {
  const seed = material[6];
  for (let k = 0; k < strip.count; k++) {
    const u = strip.u[k];
    const wave = noiseAt(noise, u * 0.5 + seed, strip.v[k] * 0.5, 10, strip.footprint[k]);
    const inked = wave + 0.25 * Math.sin(2.1 * u + seed) > 0.25 ? 1 : 0;
    strip.red[k] = material[0] + (material[3] - material[0]) * inked;
    strip.green[k] = material[1] + (material[4] - material[1]) * inked;
    strip.blue[k] = material[2] + (material[5] - material[2]) * inked;
    strip.mirror[k] = 0;
  }
}

function paintWheel(strip: Strip, material: Float64Array): void {
  const outer = material[6];
  for (let k = 0; k < strip.count; k++) {
    const u = strip.u[k];
    const v = strip.v[k];
    const radius = Math.sqrt(u * u + v * v);
    const rim = cover(outer * 0.66 - radius, strip.footprint[k]) * (radius > outer * 0.2 ? 0.75 : 0.4);
    strip.red[k] = material[0] + (material[3] - material[0]) * rim;
    strip.green[k] = material[1] + (material[4] - material[1]) * rim;
    strip.blue[k] = material[2] + (material[5] - material[2]) * rim;
    strip.mirror[k] = 0;
  }
}
