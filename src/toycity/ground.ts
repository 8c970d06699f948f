// How the ground is painted: asphalt with its patches and markings, slabs, kerbs, grass and gravel.
import { cellHash, type Noise, noiseAt } from './noise.js';
import { cover, distanceToWhole } from './pattern.js';
import { crossingDistance, groundKindBeside, groundKinds, middleAt, type Street } from './street.js';
import type { Strip } from './strip.js';

/** Paints a strip of the ground. */
export function paintGround(strip: Strip, noise: Noise, street: Street): void {
  survey(strip, street);
  grain(strip, noise);
  paintSurface(strip, noise, street);
  paintRoadway(strip, street);
  paintKerb(strip, street);
}

/** Where the samples lie in the street's plan. */
function survey(strip: Strip, street: Street): void {
  for (let k = 0; k < strip.count; k++) {
    const z = strip.z[k];
    const lateral = strip.x[k] - middleAt(street, z);
    const crossing = crossingDistance(street, z);
    strip.u[k] = lateral;
    strip.v[k] = crossing;
    strip.kind[k] = groundKindBeside(street, lateral, crossing, z);
  }
}

function grain(strip: Strip, noise: Noise): void {
  for (let k = 0; k < strip.count; k++) {
    const x = strip.x[k];
    const z = strip.z[k];
    const footprint = Math.min(strip.footprint[k], 6);
    strip.footprint[k] = footprint;
    strip.coarse[k] = noiseAt(noise, x, z, 6, footprint);
    strip.fine[k] = noiseAt(noise, z, x, 60, footprint);
  }
}

/** Grass, gravel, slabs and asphalt. */
function paintSurface(strip: Strip, noise: Noise, street: Street): void {
  const { roadHalf, roadTone, lanes, seed } = street;
  for (let k = 0; k < strip.count; k++) {
    const x = strip.x[k];
    const z = strip.z[k];
    const lateral = strip.u[k];
    const footprint = strip.footprint[k];
    const coarse = strip.coarse[k];
    const fine = strip.fine[k];
    const kind = strip.kind[k];
    strip.mirror[k] = 0;
    if (kind === groundKinds.grass) {
      const dry = Math.min(1, Math.max(0, 0.45 + 0.5 * coarse));
      const blade = 1 + 0.35 * fine;
      strip.red[k] = (0.07 + 0.1 * dry) * blade;
      strip.green[k] = (0.12 + 0.03 * dry) * blade;
      strip.blue[k] = (0.025 + 0.025 * dry) * blade;
    } else if (kind === groundKinds.gravel) {
      const tone = (0.22 + 0.05 * coarse) * (1 + 0.35 * fine);
      strip.red[k] = tone * 1.08;
      strip.green[k] = tone * 0.95;
      strip.blue[k] = tone * 0.76;
    } else if (kind === groundKinds.road) {
      // Patches where the road was mended, worn wheel tracks, cracks.
      const patch = cellHash(Math.floor(x / 2.7), Math.floor(z / 5.3), seed + 1);
      const track = Math.abs(distanceToWhole(lateral / (roadHalf / (lanes / 2)) + 0.5) - 0.25);
      const crack = cover(0.016 - Math.abs(noiseAt(noise, x + 31, z, 9, footprint)) * 0.4, footprint) * 0.3;
      const tone =
        roadTone *
        (0.95 + (patch < 0.07 ? -0.22 : patch > 0.95 ? 0.2 : 0) + 0.16 * coarse + 0.22 * fine - 0.25 * (0.25 - track)) *
        (1 - crack);
      strip.red[k] = tone;
      strip.green[k] = tone;
      strip.blue[k] = tone * 1.02;
    } else if (street.asphaltPavement === 1) {
      const tone = roadTone * 1.08 * (1 + 0.2 * coarse + 0.25 * fine);
      strip.red[k] = tone;
      strip.green[k] = tone * 0.99;
      strip.blue[k] = tone * 0.98;
    } else {
      // Slabs of 0.6 m by 0.9 m in rows along the kerb.
      const row = lateral / 0.6;
      const column = z / 0.9 + 0.5 * (Math.floor(row) & 1);
      const slab = cellHash(Math.floor(row), Math.floor(column), seed);
      const edge = Math.min(0.6 * distanceToWhole(row), 0.9 * distanceToWhole(column));
      const joint = cover(0.012 - edge, footprint);
      const tone = street.slabTone * (0.88 + 0.22 * slab + 0.14 * coarse + 0.16 * fine) * (1 - 0.5 * joint);
      strip.red[k] = tone * 1.03;
      strip.green[k] = tone * 0.99;
      strip.blue[k] = tone * 0.93;
    }
  }
}

/** What lies on the road: markings, rails, manhole covers. */
function paintRoadway(strip: Strip, street: Street): void {
  const { roadHalf, seed, tramTrack } = street;
  for (let k = 0; k < strip.count; k++) {
    if (strip.kind[k] !== groundKinds.road) continue;
    const x = strip.x[k];
    const z = strip.z[k];
    const away = Math.abs(strip.u[k]);
    const footprint = strip.footprint[k];
    let red = strip.red[k];
    let green = strip.green[k];
    let blue = strip.blue[k];
    if (away < roadHalf) {
      const line = marking(street, strip.u[k], away, strip.v[k], z, footprint);
      if (line > 0) {
        const worn = line * Math.min(1, Math.max(0, 0.85 + 0.45 * strip.fine[k] + 0.35 * strip.coarse[k]));
        red += (0.62 - red) * worn;
        green += (0.62 - green) * worn;
        blue += (0.6 - blue) * worn;
      }
      if (tramTrack) {
        const rail = cover(0.035 - Math.abs(Math.abs(away - 1.5) - 0.72), footprint);
        red += (0.2 - red) * rail;
        green += (0.19 - green) * rail;
        blue += (0.19 - blue) * rail;
      }
    }
    const cellX = Math.floor(x / 3);
    const cellZ = Math.floor(z / 7);
    const drawn = cellHash(cellX, cellZ, seed + 2);
    if (drawn < 0.14) {
      const dx = x - 3 * (cellX + 0.3 + 2.8 * drawn);
      const dz = z - 7 * (cellZ + 0.5);
      const lid = cover(0.34 - Math.sqrt(dx * dx + dz * dz), footprint) * 0.5;
      red *= 1 - lid;
      green *= 1 - lid;
      blue *= 1 - lid;
    }
    strip.red[k] = red;
    strip.green[k] = green;
    strip.blue[k] = blue;
  }
}

/** The kerb: a light stone, and a dark gutter on its road side. */
function paintKerb(strip: Strip, street: Street): void {
  const { crossingHalf, roadHalf } = street;
  for (let k = 0; k < strip.count; k++) {
    const kind = strip.kind[k];
    if (strip.v[k] <= crossingHalf || kind === groundKinds.grass || kind === groundKinds.gravel) continue;
    const footprint = strip.footprint[k];
    const fromKerb = Math.abs(strip.u[k]) - roadHalf;
    const stone = cover(0.08 - Math.abs(fromKerb - 0.08), footprint);
    const dark = 1 - 0.55 * cover(0.06 - Math.abs(fromKerb + 0.06), footprint);
    const red = strip.red[k];
    const green = strip.green[k];
    const blue = strip.blue[k];
    strip.red[k] = (red + (0.3 - red) * stone) * dark;
    strip.green[k] = (green + (0.29 - green) * stone) * dark;
    strip.blue[k] = (blue + (0.27 - blue) * stone) * dark;
  }
}

/** Cover of white paint at a place of the carriageway. */
function marking(
  street: Street,
  lateral: number,
  away: number,
  crossing: number,
  z: number,
  footprint: number,
): number {
  const { roadHalf, crossingHalf, lanes } = street;
  const toEdge = crossing - crossingHalf;
  if (toEdge < 0) return 0;
  // Zebra, then the stop line, then lanes.
  if (toEdge < 4.2) {
    if (toEdge < 0.8 || toEdge > 3.6 || away > roadHalf - 0.3) return 0;
    return cover(0.25 - Math.abs(distanceToWhole(lateral)), footprint);
  }
  if (toEdge < 5.4) return cover(0.2 - Math.abs(toEdge - 5), footprint);
  let paint = 0;
  const dash = cover(1.5 - 6 * Math.abs(distanceToWhole(z / 6)), footprint);
  if (!street.tramTrack || lanes === 4) paint = cover(0.07 - away, footprint) * (lanes === 4 ? 1 : dash);
  if (lanes === 4) paint = Math.max(paint, cover(0.06 - Math.abs(away - roadHalf / 2), footprint) * dash);
  return Math.max(paint, 0.8 * cover(0.06 - Math.abs(away - (roadHalf - 0.35)), footprint));
}
