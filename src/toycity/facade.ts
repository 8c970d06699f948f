// A wall with rows of windows: plaster or bricks, doors or shops below, window frames, panes and ledges above.
import { cellHash, type Noise, noiseAt } from './noise.js';
import { cover, distanceToWhole } from './pattern.js';
import type { Strip } from './strip.js';

/** Paints a strip of a facade; the numbers of its material are those of `FacadeStyle`, in that order. */
export function paintFacade(strip: Strip, noise: Noise, material: Float64Array): void {
  paintWall(strip, noise, material);
  paintGroundFloor(strip, noise, material);
  paintFloors(strip, material);
}

/** The bare wall. */
function paintWall(strip: Strip, noise: Noise, material: Float64Array): void {
  const hasBricks = material[11] === 1;
  const seed = material[13];
  for (let k = 0; k < strip.count; k++) {
    const u = strip.u[k];
    const v = strip.v[k];
    const footprint = strip.footprint[k];
    const stain = noiseAt(noise, u + seed, v * 0.4, 7, footprint);
    const grain = noiseAt(noise, u, v, 45, footprint);
    let wall = 1 + 0.13 * stain + 0.1 * grain;
    if (hasBricks && footprint < 0.12) {
      const row = v / 0.14;
      const column = u / 0.42 + 0.5 * (Math.floor(row) & 1);
      const joint = Math.min(0.14 * distanceToWhole(row), 0.42 * distanceToWhole(column));
      wall *= 0.9 + 0.2 * cellHash(Math.floor(row), Math.floor(column), 5);
      wall *= 1 - 0.3 * cover(0.012 - joint, footprint) * (1 - footprint / 0.12);
    }
    strip.red[k] = material[0] * wall;
    strip.green[k] = material[1] * wall;
    strip.blue[k] = material[2] * wall;
    strip.mirror[k] = 0;
  }
}

/** The ground floor's plinth, its doors or its shop windows with awnings. */
function paintGroundFloor(strip: Strip, noise: Noise, material: Float64Array): void {
  const groundFloor = material[7];
  const pitch = material[8] * 1.5;
  const hasShops = material[12] === 1;
  const seed = material[13];
  for (let k = 0; k < strip.count; k++) {
    const v = strip.v[k];
    if (v >= groundFloor) continue;
    const u = strip.u[k];
    const footprint = strip.footprint[k];
    const cell = Math.floor(u / pitch);
    const across = Math.abs(u / pitch - cell - 0.5) * pitch;
    const style = cellHash(cell, 0, seed);
    let red = strip.red[k];
    let green = strip.green[k];
    let blue = strip.blue[k];
    if (v < 0.45 || !hasShops) {
      const dark = v < 0.45 ? 0.75 : 1;
      red *= dark;
      green *= dark;
      blue *= dark;
      if (style < 0.35) {
        const door = cover(Math.min(0.55 - across, 2.2 - v), footprint);
        red += (material[3] * 0.5 - red) * door;
        green += (material[4] * 0.35 - green) * door;
        blue += (material[5] * 0.3 - blue) * door;
      }
    } else {
      const pane = cover(Math.min(pitch * 0.42 - across, groundFloor - 0.75 - v, v - 0.45), footprint);
      const inside = 0.03 + 0.12 * style * Math.max(0, 0.6 + noiseAt(noise, u * 2 + seed, v * 2, 18, footprint));
      red += (inside * 1.2 - red) * pane;
      green += (inside - green) * pane;
      blue += (inside * 0.8 - blue) * pane;
      strip.mirror[k] = 0.18 * pane;
      const awning = cover(Math.min(v - groundFloor + 0.7, groundFloor - 0.12 - v), footprint);
      red += (0.1 + 0.5 * style - red) * awning;
      green += (0.08 + 0.3 * (1 - style) - green) * awning;
      blue += (0.1 + 0.3 * cellHash(cell, 1, seed) - blue) * awning;
    }
    strip.red[k] = red;
    strip.green[k] = green;
    strip.blue[k] = blue;
  }
}

/** The floors above: window frames, panes with curtains, ledges. */
function paintFloors(strip: Strip, material: Float64Array): void {
  const floorHeight = material[6];
  const groundFloor = material[7];
  const pitch = material[8];
  const halfWidth = 0.5 * pitch * material[9];
  const tall = floorHeight * material[10];
  const sill = 0.3 * floorHeight;
  const seed = material[13];
  for (let k = 0; k < strip.count; k++) {
    const v = strip.v[k];
    if (v < groundFloor) continue;
    const u = strip.u[k];
    const footprint = strip.footprint[k];
    const column = Math.floor(u / pitch);
    const row = Math.floor((v - groundFloor) / floorHeight);
    const across = Math.abs(u / pitch - column - 0.5) * pitch;
    const height = v - groundFloor - row * floorHeight;
    const frame = cover(
      Math.min(halfWidth + 0.09 - across, sill + tall + 0.09 - height, height - sill + 0.12),
      footprint,
    );
    const bar = Math.max(
      cover(0.03 - across, footprint),
      cover(0.03 - Math.abs(height - sill - 0.65 * tall), footprint),
    );
    const pane = cover(Math.min(halfWidth - across, sill + tall - height, height - sill), footprint) * (1 - bar);
    const life = cellHash(column, row, seed + 7);
    const curtain = life < 0.25 ? 0.28 : 0.025 + 0.04 * life;
    const bare = 1 - cover(0.06 - Math.abs(height - 0.08), footprint) * 0.35;
    let red = strip.red[k];
    let green = strip.green[k];
    let blue = strip.blue[k];
    red += (material[3] - red) * frame;
    green += (material[4] - green) * frame;
    blue += (material[5] - blue) * frame;
    red += (curtain * 1.05 - red) * pane;
    green += (curtain - green) * pane;
    blue += (curtain * 0.9 - blue) * pane;
    strip.red[k] = red * bare;
    strip.green[k] = green * bare;
    strip.blue[k] = blue * bare;
    strip.mirror[k] = 0.22 * pane * (0.5 + life);
  }
}
