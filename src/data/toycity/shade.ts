// Colours what a view sees: pattern, sunlight and shadow, sky light, haze.

import { frameRate } from './camera.js';
import { paintGround } from './ground.js';
import type { Light } from './lighting.js';
import { type Material, patterns } from './materials.js';
import { cellHash, type Noise, noiseAt } from './noise.js';
import { cover, distanceToWhole } from './pattern.js';
import type { Scene } from './scene.js';
import { type ShadowMap, sunlightAt } from './shadow.js';
import type { Street } from './street.js';
import { transformDirection, type Vector3 } from './vector.js';
import { PLANE_STRIDE, roundFold, type View } from './view.js';

/** Everything a scene's colours need that does not change from frame to frame. */
export interface Painter {
  readonly scene: Scene;
  readonly street: Street;
  readonly noise: Noise;
  /** Material numbers of each primitive: pattern, two colours, then the pattern's numbers. */
  readonly materials: Float64Array;
}

const MATERIAL_STRIDE = 16;

export function createPainter(scene: Scene, street: Street, noise: Noise): Painter {
  const materials = new Float64Array(scene.primitives.length * MATERIAL_STRIDE);
  for (const [index, { material }] of scene.primitives.entries()) {
    const { pattern, color, second, numbers }: Material = material;
    materials.set([pattern, ...color, ...second, ...numbers], index * MATERIAL_STRIDE);
  }
  return { scene, street, noise, materials };
}

/** Whether the lamp of a phase (0 red, 1 amber, 2 green) and signal group shines at a time in seconds. */
function lampShines(phase: number, group: number, time: number): boolean {
  if (phase < 0) return true;
  const cycle = (time + 3.1 * group) % 9;
  return cycle < 4 ? phase === 2 : cycle < 5 ? phase === 1 : phase === 0;
}

const groundColor = new Float64Array(3);

/** Writes linear RGB of the samples flagged in `needed` into `colors` (interleaved, before exposure). */
export function shadeView(
  painter: Painter,
  view: View,
  light: Light,
  shadows: ShadowMap,
  needed: Uint8Array,
  colors: Float32Array,
): void {
  const { scene, street, noise, materials } = painter;
  const { columns, rows, step, rayX, rayY, planes, primitive, inverseDepth } = view;
  const [sunRed, sunGreen, sunBlue] = light.sunColor;
  const [skyRed, skyGreen, skyBlue] = light.ambient;
  const [hazeRed, hazeGreen, hazeBlue] = light.horizon;
  const world = view.cameraToWorld;
  const time = view.frame / frameRate;
  // Light on each polygon: cosine to the sun (its sign says whether it faces it) and how much of the sky it sees.
  const facing = new Float64Array(scene.primitives.length);
  const upward = new Float64Array(scene.primitives.length);
  const isPolygon = new Uint8Array(scene.primitives.length);
  const sunInBody: Vector3[] = [];
  const upInBody: Vector3[] = [];
  for (const pose of view.bodyToWorld) {
    const inverse = Float64Array.of(
      pose[0],
      pose[4],
      pose[8],
      0,
      pose[1],
      pose[5],
      pose[9],
      0,
      pose[2],
      pose[6],
      pose[10],
      0,
    );
    sunInBody.push(transformDirection(inverse, light.sun));
    upInBody.push(transformDirection(inverse, [0, 1, 0]));
  }
  for (let index = 0; index < scene.primitives.length; index++) {
    const item = scene.primitives[index];
    if (item.kind !== 'polygon') continue;
    isPolygon[index] = 1;
    const sun = sunInBody[item.body];
    const up = upInBody[item.body];
    const [nx, ny, nz] = item.normal;
    const cosine = sun[0] * nx + sun[1] * ny + sun[2] * nz;
    facing[index] = item.twoSided ? Math.abs(cosine) : Math.max(0, cosine);
    upward[index] = item.twoSided ? 0.3 : up[0] * nx + up[1] * ny + up[2] * nz;
  }

  for (let gy = 0; gy < rows; gy++) {
    const ry = gy * step + rayY;
    for (let gx = 0; gx < columns; gx++) {
      const i = gy * columns + gx;
      if (needed[i] === 0) continue;
      const o = 3 * i;
      const index = primitive[i];
      const rx = gx * step + rayX;
      if (index < 0) {
        shadeSky(light, noise, world, rx, ry, step, colors, o);
        continue;
      }
      const z = 1 / inverseDepth[i];
      const camX = rx * z;
      const camY = ry * z;
      const x = world[0] * camX + world[1] * camY + world[2] * z + world[3];
      const y = world[4] * camX + world[5] * camY + world[6] * z + world[7];
      const worldZ = world[8] * camX + world[9] * camY + world[10] * z + world[11];
      let u: number;
      let v: number;
      let sun: number;
      let up: number;
      let footprint = 2 * step * z;
      if (isPolygon[index] === 1) {
        const at = index * PLANE_STRIDE;
        u = (planes[at + 3] * gx + planes[at + 4] * gy + planes[at + 5]) * z;
        v = (planes[at + 6] * gx + planes[at + 7] * gy + planes[at + 8]) * z;
        sun = facing[index];
        up = upward[index];
      } else {
        const item = scene.primitives[index];
        if (item.kind !== 'ellipsoid') continue;
        const pose = view.cameraToBody[item.body];
        const [cx, cy, cz] = item.center;
        const lx = pose[0] * camX + pose[1] * camY + pose[2] * z + pose[3] - cx;
        const ly = pose[4] * camX + pose[5] * camY + pose[6] * z + pose[7] - cy;
        const lz = pose[8] * camX + pose[9] * camY + pose[10] * z + pose[11] - cz;
        const [radiusX, radiusY, radiusZ] = item.radii;
        const nx = lx / (radiusX * radiusX);
        const ny = ly / (radiusY * radiusY);
        const nz = lz / (radiusZ * radiusZ);
        const length = 1 / Math.sqrt(nx * nx + ny * ny + nz * nz);
        const toSun = sunInBody[item.body];
        const upwards = upInBody[item.body];
        sun = Math.max(0, (nx * toSun[0] + ny * toSun[1] + nz * toSun[2]) * length);
        up = (nx * upwards[0] + ny * upwards[1] + nz * upwards[2]) * length;
        const fold = roundFold(lx / radiusX, ly / radiusY, lz / radiusZ);
        u = fold === 0 ? lz : lx;
        v = fold === 1 ? lz : ly;
      }
      const m = index * MATERIAL_STRIDE;
      const pattern = materials[m];
      let red = materials[m + 1];
      let green = materials[m + 2];
      let blue = materials[m + 3];
      let glow = 0;
      let mirror = 0;
      switch (pattern) {
        case patterns.ground: {
          // The road is seen at a slant: a sample covers more of it along the view than across.
          footprint *= 1 + 0.5 / Math.max(0.04, Math.abs(ry));
          paintGround(street, noise, x, worldZ, Math.min(footprint, 6), groundColor);
          red = groundColor[0];
          green = groundColor[1];
          blue = groundColor[2];
          break;
        }
        case patterns.plain: {
          const grain = 1 + materials[m + 7] * noiseAt(noise, u, v, materials[m + 8], footprint);
          red *= grain;
          green *= grain;
          blue *= grain;
          break;
        }
        case patterns.facade: {
          const floorHeight = materials[m + 7];
          const groundFloor = materials[m + 8];
          const seed = materials[m + 14];
          const stain = noiseAt(noise, u + seed, v * 0.4, 7, footprint);
          const grain = noiseAt(noise, u, v, 45, footprint);
          let wall = 1 + 0.13 * stain + 0.1 * grain;
          if (materials[m + 12] === 1 && footprint < 0.12) {
            const row = v / 0.14;
            const column = u / 0.42 + 0.5 * (Math.floor(row) & 1);
            const joint = Math.min(0.14 * distanceToWhole(row), 0.42 * distanceToWhole(column));
            wall *= 0.9 + 0.2 * cellHash(Math.floor(row), Math.floor(column), 5);
            wall *= 1 - 0.3 * cover(0.012 - joint, footprint) * (1 - footprint / 0.12);
          }
          red *= wall;
          green *= wall;
          blue *= wall;
          if (v < groundFloor) {
            const pitch = materials[m + 9] * 1.5;
            const cell = Math.floor(u / pitch);
            const across = Math.abs(u / pitch - cell - 0.5) * pitch;
            const style = cellHash(cell, 0, seed);
            if (v < 0.45 || materials[m + 13] === 0) {
              // A plinth, or a plain ground floor with doors.
              const dark = v < 0.45 ? 0.75 : 1;
              red *= dark;
              green *= dark;
              blue *= dark;
              if (style < 0.35) {
                const door = cover(Math.min(0.55 - across, 2.2 - v), footprint);
                red += (materials[m + 4] * 0.5 - red) * door;
                green += (materials[m + 5] * 0.35 - green) * door;
                blue += (materials[m + 6] * 0.3 - blue) * door;
              }
            } else {
              const pane = cover(Math.min(pitch * 0.42 - across, groundFloor - 0.75 - v, v - 0.45), footprint);
              const inside =
                0.03 + 0.12 * style * Math.max(0, 0.6 + noiseAt(noise, u * 2 + seed, v * 2, 18, footprint));
              red += (inside * 1.2 - red) * pane;
              green += (inside - green) * pane;
              blue += (inside * 0.8 - blue) * pane;
              mirror = 0.18 * pane;
              const awning = cover(Math.min(v - groundFloor + 0.7, groundFloor - 0.12 - v), footprint);
              red += (0.1 + 0.5 * style - red) * awning;
              green += (0.08 + 0.3 * (1 - style) - green) * awning;
              blue += (0.1 + 0.3 * cellHash(cell, 1, seed) - blue) * awning;
            }
          } else {
            const pitch = materials[m + 9];
            const column = Math.floor(u / pitch);
            const row = Math.floor((v - groundFloor) / floorHeight);
            const across = Math.abs(u / pitch - column - 0.5) * pitch;
            const height = v - groundFloor - row * floorHeight;
            const halfWidth = 0.5 * pitch * materials[m + 10];
            const tall = floorHeight * materials[m + 11];
            const sill = 0.3 * floorHeight;
            const frame = cover(
              Math.min(halfWidth + 0.09 - across, sill + tall + 0.09 - height, height - sill + 0.12),
              footprint,
            );
            red += (materials[m + 4] - red) * frame;
            green += (materials[m + 5] - green) * frame;
            blue += (materials[m + 6] - blue) * frame;
            const bar = Math.max(
              cover(0.03 - across, footprint),
              cover(0.03 - Math.abs(height - sill - 0.65 * tall), footprint),
            );
            const pane =
              cover(Math.min(halfWidth - across, sill + tall - height, height - sill), footprint) * (1 - bar);
            const life = cellHash(column, row, seed + 7);
            const curtain = life < 0.25 ? 0.28 : 0.025 + 0.04 * life;
            red += (curtain * 1.05 - red) * pane;
            green += (curtain - green) * pane;
            blue += (curtain * 0.9 - blue) * pane;
            mirror = 0.22 * pane * (0.5 + life);
            const ledge = cover(0.06 - Math.abs(height - 0.08), footprint) * 0.35;
            red *= 1 - ledge;
            green *= 1 - ledge;
            blue *= 1 - ledge;
          }
          break;
        }
        case patterns.bricks: {
          const length = materials[m + 7];
          const height = materials[m + 8];
          const row = v / height;
          const column = u / length + 0.5 * (Math.floor(row) & 1);
          const joint = cover(
            0.012 - Math.min(height * distanceToWhole(row), length * distanceToWhole(column)),
            footprint,
          );
          const tone =
            (0.86 + 0.28 * cellHash(Math.floor(row), Math.floor(column), 9)) *
            (1 + 0.14 * noiseAt(noise, u, v, 30, footprint));
          red = red * tone + (materials[m + 4] - red) * joint * 0.6;
          green = green * tone + (materials[m + 5] - green) * joint * 0.6;
          blue = blue * tone + (materials[m + 6] - blue) * joint * 0.6;
          break;
        }
        case patterns.planks: {
          const width = materials[m + 7];
          const along = materials[m + 8] === 1 ? v : u;
          const board = Math.floor(along / width);
          const gap = cover(0.012 - width * distanceToWhole(along / width), footprint);
          const tone =
            (0.82 + 0.36 * cellHash(board, 3, 1)) *
            (1 + 0.16 * noiseAt(noise, u * 2, v, 34, footprint)) *
            (1 - 0.75 * gap);
          red *= tone;
          green *= tone;
          blue *= tone;
          break;
        }
        case patterns.foliage: {
          const seed = materials[m + 8];
          const leaves = noiseAt(noise, v + 3 * seed, u, 110, footprint);
          const clumps = noiseAt(noise, v + seed, u, 11, footprint);
          const mixed = Math.min(1, Math.max(0, 0.45 + 0.85 * leaves + 0.4 * clumps + 0.2 * up));
          const depth = 0.55 + 0.45 * mixed;
          red = (materials[m + 4] + (red - materials[m + 4]) * mixed) * depth;
          green = (materials[m + 5] + (green - materials[m + 5]) * mixed) * depth;
          blue = (materials[m + 6] + (blue - materials[m + 6]) * mixed) * depth;
          break;
        }
        case patterns.paint:
          mirror = 0.06 + 0.22 * Math.max(0, up);
          break;
        case patterns.glass:
          // Panes mirror the sky above and the dark street below.
          mirror =
            0.06 +
            0.34 * Math.min(1, Math.max(0, 0.45 + 0.6 * (y - 1.2))) +
            0.25 * Math.max(0, up) +
            0.08 * noiseAt(noise, u, v, 14, footprint);
          break;
        case patterns.sign: {
          const inkCover = signInk(
            materials[m + 7],
            u / materials[m + 8],
            v / materials[m + 8],
            footprint / materials[m + 8],
          );
          const ink = inkCover > 1 ? inkCover - 2 : inkCover;
          if (inkCover > 1) {
            // Dark ink.
            red += (0.02 - red) * ink;
            green += (0.02 - green) * ink;
            blue += (0.02 - blue) * ink;
          } else if (inkCover < 0) {
            // White ink.
            red += (0.8 - red) * -ink;
            green += (0.8 - green) * -ink;
            blue += (0.8 - blue) * -ink;
          } else {
            red += (materials[m + 4] - red) * ink;
            green += (materials[m + 5] - green) * ink;
            blue += (materials[m + 6] - blue) * ink;
          }
          break;
        }
        case patterns.lamp:
          if (lampShines(materials[m + 7], materials[m + 8], time)) glow = 1;
          else {
            red *= 0.12;
            green *= 0.12;
            blue *= 0.12;
          }
          break;
        case patterns.wheel: {
          const radius = Math.sqrt(u * u + v * v);
          const rim =
            cover(materials[m + 7] * 0.66 - radius, footprint) * (radius > materials[m + 7] * 0.2 ? 0.75 : 0.4);
          red += (materials[m + 4] - red) * rim;
          green += (materials[m + 5] - green) * rim;
          blue += (materials[m + 6] - blue) * rim;
          break;
        }
        case patterns.hoarding: {
          const seed = materials[m + 7];
          const wave = noiseAt(noise, u * 0.5 + seed, v * 0.5, 10, footprint);
          const inked = wave + 0.25 * Math.sin(2.1 * u + seed) > 0.25 ? 1 : 0;
          red += (materials[m + 4] - red) * inked;
          green += (materials[m + 5] - green) * inked;
          blue += (materials[m + 6] - blue) * inked;
          break;
        }
        default:
          break;
      }
      // Light: the sky's by how far up the surface looks, less near the ground; the sun's where no shadow lies.
      const open = pattern === patterns.ground ? 1 : 0.55 + 0.45 * (y > 1.4 ? 1 : y < 0 ? 0 : y / 1.4);
      const sky = (0.72 + 0.28 * up) * open;
      const lit = sun > 0 ? sun * sunlightAt(shadows, x, y, worldZ) : 0;
      red = red * (skyRed * sky + sunRed * lit) + mirror * hazeRed * 0.55;
      green = green * (skyGreen * sky + sunGreen * lit) + mirror * hazeGreen * 0.55;
      blue = blue * (skyBlue * sky + sunBlue * lit) + mirror * hazeBlue * 0.55;
      if (glow === 1) {
        red = materials[m + 1];
        green = materials[m + 2];
        blue = materials[m + 3];
      }
      const thick = light.haze * z;
      const haze = thick / (1 + thick);
      colors[o] = red + (hazeRed - red) * haze;
      colors[o + 1] = green + (hazeGreen - green) * haze;
      colors[o + 2] = blue + (hazeBlue - blue) * haze;
    }
  }
}

function shadeSky(
  light: Light,
  noise: Noise,
  world: Float64Array,
  rx: number,
  ry: number,
  step: number,
  colors: Float32Array,
  o: number,
): void {
  const x = world[0] * rx + world[1] * ry + world[2];
  const y = world[4] * rx + world[5] * ry + world[6];
  const z = world[8] * rx + world[9] * ry + world[10];
  const length = 1 / Math.sqrt(x * x + y * y + z * z);
  const elevation = Math.max(0, y * length);
  const blueness = 1 - 1 / (1 + 3.2 * elevation);
  let red = light.horizon[0] + (light.zenith[0] - light.horizon[0]) * blueness;
  let green = light.horizon[1] + (light.zenith[1] - light.horizon[1]) * blueness;
  let blue = light.horizon[2] + (light.zenith[2] - light.horizon[2]) * blueness;
  const { sun } = light;
  const toSun = Math.max(0, (x * sun[0] + y * sun[1] + z * sun[2]) * length);
  if (elevation > 0.015) {
    // A layer of clouds overhead.
    const cx = x / (y + 0.06);
    const cz = z / (y + 0.06);
    const puff =
      noiseAt(noise, cx, cz, 13, (3 * step) / (y + 0.03)) +
      0.6 * noiseAt(noise, cz + 7, cx, 41, (3 * step) / (y + 0.03));
    const edge = 0.9 - 1.7 * light.clouds;
    const amount = Math.min(1, Math.max(0, (puff * 0.9 - edge) * 1.1)) * Math.min(1, elevation * 9);
    const bright = 0.78 + 0.2 * toSun - 0.2 * Math.max(0, puff) * light.clouds;
    red += (bright * (0.9 + 0.1 * light.horizon[0]) - red) * amount;
    green += (bright * (0.9 + 0.1 * light.horizon[1]) - green) * amount;
    blue += (bright * 1.02 - blue) * amount;
  }
  const glare = toSun ** 24 * light.sunColor[0] * 0.35;
  colors[o] = red + glare;
  colors[o + 1] = green + glare * 0.9;
  colors[o + 2] = blue + glare * 0.75;
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
