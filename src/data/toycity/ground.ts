// How the ground is painted: asphalt with its patches and markings, slabs, kerbs, grass and gravel.
import { cellHash, type Noise, noiseAt } from './noise.js';
import { cover, distanceToWhole } from './pattern.js';
import { crossingDistance, groundKindBeside, groundKinds, middleAt, type Street } from './street.js';

/** Writes the reflectance (linear RGB) of the ground at (x, z) into `out`; `footprint` is what one sample covers, in metres. */
export function paintGround(
  street: Street,
  noise: Noise,
  x: number,
  z: number,
  footprint: number,
  out: Float64Array,
): void {
  const lateral = x - middleAt(street, z);
  const away = Math.abs(lateral);
  const crossing = crossingDistance(street, z);
  const kind = groundKindBeside(street, lateral, crossing, z);
  const coarse = noiseAt(noise, x, z, 6, footprint);
  const fine = noiseAt(noise, z, x, 60, footprint);
  const { roadHalf, roadTone } = street;
  if (kind === groundKinds.grass) {
    const dry = Math.min(1, Math.max(0, 0.45 + 0.5 * coarse));
    const blade = 1 + 0.35 * fine;
    out[0] = (0.07 + 0.1 * dry) * blade;
    out[1] = (0.12 + 0.03 * dry) * blade;
    out[2] = (0.025 + 0.025 * dry) * blade;
    return;
  }
  if (kind === groundKinds.gravel) {
    const tone = (0.22 + 0.05 * coarse) * (1 + 0.35 * fine);
    out[0] = tone * 1.08;
    out[1] = tone * 0.95;
    out[2] = tone * 0.76;
    return;
  }
  let red: number;
  let green: number;
  let blue: number;
  if (kind === groundKinds.pavement) {
    if (street.asphaltPavement === 1) {
      const tone = roadTone * 1.08 * (1 + 0.2 * coarse + 0.25 * fine);
      red = tone;
      green = tone * 0.99;
      blue = tone * 0.98;
    } else {
      // Slabs of 0.6 m by 0.9 m in rows along the kerb.
      const row = lateral / 0.6;
      const column = z / 0.9 + 0.5 * (Math.floor(row) & 1);
      const slab = cellHash(Math.floor(row), Math.floor(column), street.seed);
      const edge = Math.min(0.6 * distanceToWhole(row), 0.9 * distanceToWhole(column));
      const joint = cover(0.012 - edge, footprint);
      const tone = street.slabTone * (0.88 + 0.22 * slab + 0.14 * coarse + 0.16 * fine) * (1 - 0.5 * joint);
      red = tone * 1.03;
      green = tone * 0.99;
      blue = tone * 0.93;
    }
  } else {
    // Patches where the road was mended, worn wheel tracks, cracks.
    const patch = cellHash(Math.floor(x / 2.7), Math.floor(z / 5.3), street.seed + 1);
    const track = Math.abs(distanceToWhole(lateral / (roadHalf / (street.lanes / 2)) + 0.5) - 0.25);
    const crack = cover(0.016 - Math.abs(noiseAt(noise, x + 31, z, 9, footprint)) * 0.4, footprint) * 0.3;
    const tone =
      roadTone *
      (0.95 + (patch < 0.07 ? -0.22 : patch > 0.95 ? 0.2 : 0) + 0.16 * coarse + 0.22 * fine - 0.25 * (0.25 - track)) *
      (1 - crack);
    red = tone;
    green = tone;
    blue = tone * 1.02;
    if (away < roadHalf) {
      const line = marking(street, lateral, away, crossing, z, footprint);
      if (line > 0) {
        const worn = line * Math.min(1, Math.max(0, 0.85 + 0.45 * fine + 0.35 * coarse));
        red += (0.62 - red) * worn;
        green += (0.62 - green) * worn;
        blue += (0.6 - blue) * worn;
      }
      if (street.tramTrack) {
        const rail = cover(0.035 - Math.abs(Math.abs(away - 1.5) - 0.72), footprint);
        red += (0.2 - red) * rail;
        green += (0.19 - green) * rail;
        blue += (0.19 - blue) * rail;
      }
    }
    // Manhole covers.
    const cellX = Math.floor(x / 3);
    const cellZ = Math.floor(z / 7);
    const drawn = cellHash(cellX, cellZ, street.seed + 2);
    if (drawn < 0.14) {
      const dx = x - 3 * (cellX + 0.3 + 2.8 * drawn);
      const dz = z - 7 * (cellZ + 0.5);
      const lid = cover(0.34 - Math.sqrt(dx * dx + dz * dz), footprint) * 0.5;
      red *= 1 - lid;
      green *= 1 - lid;
      blue *= 1 - lid;
    }
  }
  // The kerb: a light stone, and a dark gutter on its road side.
  if (crossing > street.crossingHalf) {
    const fromKerb = away - roadHalf;
    const stone = cover(0.08 - Math.abs(fromKerb - 0.08), footprint);
    const gutter = cover(0.06 - Math.abs(fromKerb + 0.06), footprint);
    red += (0.3 - red) * stone;
    green += (0.29 - green) * stone;
    blue += (0.27 - blue) * stone;
    const dark = 1 - 0.55 * gutter;
    red *= dark;
    green *= dark;
    blue *= dark;
  }
  out[0] = red;
  out[1] = green;
  out[2] = blue;
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
