// Colours what a view sees: pattern, sunlight and shadow, sky light, haze.

import { frameRate } from './camera.js';
import type { Light } from './lighting.js';
import { patterns } from './materials.js';
import type { Noise } from './noise.js';
import { paint, paintEvenly } from './paint.js';
import type { Ellipsoid, Polygon, Scene } from './scene.js';
import { type ShadowMap, sunlightAt } from './shadow.js';
import { shadeSky } from './sky.js';
import type { Street } from './street.js';
import { createStrip, type Strip } from './strip.js';
import { type Pose, turnBack, type Vector3 } from './vector.js';
import { PLANE_STRIDE, roundFold, type View } from './view.js';

/** Everything a scene's colours need that does not change from frame to frame. */
export interface Painter {
  readonly scene: Scene;
  readonly street: Street;
  readonly noise: Noise;
  /** Each primitive's material: two colours, then the numbers of its pattern. */
  readonly materials: readonly Float64Array[];
  readonly strip: Strip;
}

/** Painter of views of at most `columns` samples a row. */
export function createPainter(scene: Scene, street: Street, noise: Noise, columns: number): Painter {
  const materials = scene.primitives.map(({ material: { color, second, numbers } }) =>
    Float64Array.of(...color, ...second, ...numbers),
  );
  return { scene, street, noise, materials, strip: createStrip(columns) };
}

/** The directions of the sun and of up in the coordinates of each body. */
interface Directions {
  readonly sun: readonly Vector3[];
  readonly up: readonly Vector3[];
}

/** Writes linear RGB of the samples flagged in `needed` into `colors` (interleaved, before exposure). */
export function shadeView(
  painter: Painter,
  view: View,
  light: Light,
  shadows: ShadowMap,
  needed: Uint8Array,
  colors: Float32Array,
): void {
  const { strip } = painter;
  const { columns, rows, primitive } = view;
  const directions = directionsInBodies(view.bodyToWorld, light.sun);
  for (let gy = 0; gy < rows; gy++) {
    for (let gx = gatherStrip(strip, needed, primitive, gy * columns, 0, columns); strip.count > 0; ) {
      const index = primitive[gy * columns + strip.columns[0]];
      shadeStrip(painter, view, light, shadows, directions, index, gy, colors);
      gx = gatherStrip(strip, needed, primitive, gy * columns, gx, columns);
    }
  }
}

/** Gathers the next needed samples of the row at `start`, from column `gx` on, that see one primitive; returns where to go on. */
function gatherStrip(
  strip: Strip,
  needed: Uint8Array,
  primitive: Int32Array,
  start: number,
  from: number,
  end: number,
): number {
  const { columns } = strip;
  let gx = from;
  while (gx < end && needed[start + gx] === 0) gx++;
  let count = 0;
  if (gx < end) {
    const index = primitive[start + gx];
    for (; gx < end; gx++) {
      if (needed[start + gx] === 0) continue;
      if (primitive[start + gx] !== index) break;
      columns[count++] = gx;
    }
  }
  strip.count = count;
  return gx;
}

function directionsInBodies(bodyToWorld: readonly Pose[], sun: Vector3): Directions {
  return {
    sun: bodyToWorld.map((pose) => turnBack(pose, sun)),
    up: bodyToWorld.map((pose) => turnBack(pose, [0, 1, 0])),
  };
}

/** Colours the painter's strip, which sees primitive `index` (-1: the sky) in sample row `gy`. */
function shadeStrip(
  painter: Painter,
  view: View,
  light: Light,
  shadows: ShadowMap,
  directions: Directions,
  index: number,
  gy: number,
  colors: Float32Array,
): void {
  const { scene, street, noise, materials, strip } = painter;
  if (index < 0) {
    shadeSky(view, light, noise, strip, gy, colors);
    return;
  }
  placeInWorld(strip, view, gy);
  const item = scene.primitives[index];
  if (item.kind === 'polygon') placeOnPolygon(strip, view, gy, index, item, directions);
  else placeOnEllipsoid(strip, view, gy, item, directions);
  const { pattern } = item.material;
  const material = materials[index];
  if (pattern === patterns.ground) widenAlongView(strip, gy * view.step + view.rayY);
  if (pattern === patterns.lamp && lampShines(material[6], material[7], view.frame / frameRate)) {
    paintEvenly(strip, material, 1);
  } else {
    paint(strip, pattern, material, noise, street);
    lightStrip(strip, light, shadows, pattern === patterns.ground);
  }
  hazeStrip(strip, light, gy * view.columns, colors);
}

/** Whether the lamp of a phase (0 red, 1 amber, 2 green) and signal group shines at a time in seconds. */
function lampShines(phase: number, group: number, time: number): boolean {
  if (phase < 0) return true;
  const cycle = (time + 3.1 * group) % 9;
  return cycle < 4 ? phase === 2 : cycle < 5 ? phase === 1 : phase === 0;
}

function placeInWorld(strip: Strip, view: View, gy: number): void {
  const { step, rayX, rayY, columns, inverseDepth, cameraToWorld: world } = view;
  const ry = gy * step + rayY;
  for (let k = 0; k < strip.count; k++) {
    const gx = strip.columns[k];
    const depth = 1 / inverseDepth[gy * columns + gx];
    const camX = (gx * step + rayX) * depth;
    const camY = ry * depth;
    strip.depth[k] = depth;
    strip.x[k] = world[0] * camX + world[1] * camY + world[2] * depth + world[3];
    strip.y[k] = world[4] * camX + world[5] * camY + world[6] * depth + world[7];
    strip.z[k] = world[8] * camX + world[9] * camY + world[10] * depth + world[11];
    strip.footprint[k] = 2 * step * depth;
  }
}

function placeOnPolygon(
  strip: Strip,
  { planes }: View,
  gy: number,
  index: number,
  { normal, body, twoSided }: Polygon,
  directions: Directions,
): void {
  const toSun = directions.sun[body];
  const upwards = directions.up[body];
  const cosine = toSun[0] * normal[0] + toSun[1] * normal[1] + toSun[2] * normal[2];
  const sun = twoSided ? Math.abs(cosine) : Math.max(0, cosine);
  const up = twoSided ? 0.3 : upwards[0] * normal[0] + upwards[1] * normal[1] + upwards[2] * normal[2];
  const at = index * PLANE_STRIDE;
  for (let k = 0; k < strip.count; k++) {
    const gx = strip.columns[k];
    const depth = strip.depth[k];
    strip.u[k] = (planes[at + 3] * gx + planes[at + 4] * gy + planes[at + 5]) * depth;
    strip.v[k] = (planes[at + 6] * gx + planes[at + 7] * gy + planes[at + 8]) * depth;
    strip.sun[k] = sun;
    strip.up[k] = up;
  }
}

function placeOnEllipsoid(
  strip: Strip,
  view: View,
  gy: number,
  { center, radii, body }: Ellipsoid,
  directions: Directions,
): void {
  const pose = view.cameraToBody[body];
  const sun = directions.sun[body];
  const up = directions.up[body];
  const ry = gy * view.step + view.rayY;
  for (let k = 0; k < strip.count; k++) {
    const depth = strip.depth[k];
    const camX = (strip.columns[k] * view.step + view.rayX) * depth;
    const camY = ry * depth;
    const x = pose[0] * camX + pose[1] * camY + pose[2] * depth + pose[3] - center[0];
    const y = pose[4] * camX + pose[5] * camY + pose[6] * depth + pose[7] - center[1];
    const z = pose[8] * camX + pose[9] * camY + pose[10] * depth + pose[11] - center[2];
    const normalX = x / (radii[0] * radii[0]);
    const normalY = y / (radii[1] * radii[1]);
    const normalZ = z / (radii[2] * radii[2]);
    const length = 1 / Math.sqrt(normalX * normalX + normalY * normalY + normalZ * normalZ);
    strip.sun[k] = Math.max(0, (normalX * sun[0] + normalY * sun[1] + normalZ * sun[2]) * length);
    strip.up[k] = (normalX * up[0] + normalY * up[1] + normalZ * up[2]) * length;
    const fold = roundFold(x / radii[0], y / radii[1], z / radii[2]);
    strip.u[k] = fold === 0 ? z : x;
    strip.v[k] = fold === 1 ? z : y;
  }
}

/** The ground is seen at a slant: a sample covers more of it along the view than across. */
function widenAlongView(strip: Strip, ry: number): void {
  const slant = 1 + 0.5 / Math.max(0.04, Math.abs(ry));
  for (let k = 0; k < strip.count; k++) strip.footprint[k] *= slant;
}

/** The sky's light by how far up the surface looks, less near the ground; the sun's where no shadow lies. */
function lightStrip(strip: Strip, light: Light, shadows: ShadowMap, onGround: boolean): void {
  const { sunColor, ambient, horizon } = light;
  for (let k = 0; k < strip.count; k++) {
    const y = strip.y[k];
    const sun = strip.sun[k];
    const mirror = strip.mirror[k];
    const open = onGround ? 1 : 0.55 + 0.45 * (y > 1.4 ? 1 : y < 0 ? 0 : y / 1.4);
    const sky = (0.72 + 0.28 * strip.up[k]) * open;
    const lit = sun > 0 ? sun * sunlightAt(shadows, strip.x[k], y, strip.z[k]) : 0;
    strip.red[k] = strip.red[k] * (ambient[0] * sky + sunColor[0] * lit) + mirror * horizon[0] * 0.55;
    strip.green[k] = strip.green[k] * (ambient[1] * sky + sunColor[1] * lit) + mirror * horizon[1] * 0.55;
    strip.blue[k] = strip.blue[k] * (ambient[2] * sky + sunColor[2] * lit) + mirror * horizon[2] * 0.55;
  }
}

/** Fades the strip's light into the horizon's and writes it to the samples of the row that begins at `start`. */
function hazeStrip(strip: Strip, { haze, horizon }: Light, start: number, colors: Float32Array): void {
  for (let k = 0; k < strip.count; k++) {
    const thick = haze * strip.depth[k];
    const share = thick / (1 + thick);
    const red = strip.red[k];
    const green = strip.green[k];
    const blue = strip.blue[k];
    const o = 3 * (start + strip.columns[k]);
    colors[o] = red + (horizon[0] - red) * share;
    colors[o + 1] = green + (horizon[1] - green) * share;
    colors[o + 2] = blue + (horizon[2] - blue) * share;
  }
}
