// Variational refinement: moves a level's flow towards one that keeps grey values and their gradients, and is smooth.
import { CONSTRAINTS, constraintsAt, FLAT } from './constraints.js';
import type { Level } from './level.js';

/** Weights of the energy's terms: differences of neighbouring flow vectors, of grey values, of grey values' gradients. */
const SMOOTHNESS = 20;
const GREY = 5;
const GRADIENT = 10;

/** ε² of the robust penalty √(x² + ε²) of every term. */
const ROBUST = 1e-6;

/** How often each linear system is relaxed, and by how much each time goes too far (successive over-relaxation). */
const SWEEPS = 5;
const OVER_RELAXATION = 1.6;

/**
 * Refines the flow `u`, `v` of a level in place: minimises the energy of Brox et al. (ECCV 2004) as dense inverse search uses it
 * (Kroeger et al., §2.4), robust constancy of grey values and gradients and robust smoothness, about the given flow.
 * @param iterations how often the penalties' weights are fixed and the linear system that results is relaxed.
 */
export function refine(level: Level, u: Float32Array, v: Float32Array, iterations: number): void {
  const { width, height } = level;
  const constraints = constraintsAt(level, u, v);
  // The change, (du, dv) a pixel, and the system lie in rows with a border of one pixel of zeros.
  const stride = width + 2;
  const change = new Float32Array(2 * stride * (height + 2));
  const system = new Float32Array(SYSTEM * stride * (height + 2));
  for (let k = 0; k < iterations; k++) {
    linearise(level, constraints, u, v, change, system);
    // Half-sweeps, even pixels and odd ones, each a row behind the one before: the result of one after the other, and kinder to caches.
    for (let front = 0; front < height + 2 * SWEEPS - 1; front++) {
      for (let half = 0; half < 2 * SWEEPS; half++) {
        const y = front - half;
        if (y >= 0 && y < height) relaxRow(system, change, width, y, (y + half) % 2);
      }
    }
  }
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0, p = (y + 1) * stride + 1; x < width; x++, at++, p++) {
      u[at] += change[2 * p];
      v[at] += change[2 * p + 1];
    }
  }
}

/** Numbers a pixel of the linear system: b1, b2, 1/a11, 1/a22, a12, link (see `linearise`). */
const SYSTEM = 6;

/** Where the last of them, the link, is. */
const LINK = SYSTEM - 1;

/**
 * Writes each pixel's two equations for its change (du, dv), the penalties weighted as the change so far has them:
 *
 *     a11·du + a12·dv = b1 + Σ link·du'      a12·du + a22·dv = b2 + Σ link·dv'
 *
 * summed over the neighbours (du', dv'). A pixel's link is that with its neighbours right and below.
 */
function linearise(
  { width, height }: Level,
  constraints: Float32Array,
  u: Float32Array,
  v: Float32Array,
  change: Float32Array,
  system: Float32Array,
): void {
  const stride = width + 2;
  for (let y = 0, at = 0; y < height; y++) {
    const above = y > 0 ? 1 : 0;
    const below = y < height - 1 ? 1 : 0;
    for (let x = 0, p = (y + 1) * stride + 1; x < width; x++, at++, p++) {
      const left = x > 0 ? 1 : 0;
      const right = x < width - 1 ? 1 : 0;
      const du = change[2 * p];
      const dv = change[2 * p + 1];

      const o = at * CONSTRAINTS;
      const a0 = constraints[o];
      const b0 = constraints[o + 1];
      const c0 = constraints[o + 2];
      const a1 = constraints[o + 3];
      const b1 = constraints[o + 4];
      const c1 = constraints[o + 5];
      const a2 = constraints[o + 6];
      const b2 = constraints[o + 7];
      const c2 = constraints[o + 8];
      const r0 = a0 * du + b0 * dv + c0;
      const r1 = a1 * du + b1 * dv + c1;
      const r2 = a2 * du + b2 * dv + c2;
      const grey = GREY / 2 / Math.sqrt(r0 * r0 + ROBUST);
      const gradient = GRADIENT / 2 / Math.sqrt(r1 * r1 + r2 * r2 + ROBUST);

      // Slopes of the given flow, and of what it has become; beyond the edge it goes on as it is there.
      const ux = u[at + right] - u[at];
      const vx = v[at + right] - v[at];
      const uy = u[at + below * width] - u[at];
      const vy = v[at + below * width] - v[at];
      const newUx = ux + change[2 * (p + right)] - du;
      const newVx = vx + change[2 * (p + right) + 1] - dv;
      const newUy = uy + change[2 * (p + below * stride)] - du;
      const newVy = vy + change[2 * (p + below * stride) + 1] - dv;
      const squares = newUx * newUx + newVx * newVx + newUy * newUy + newVy * newVy;
      const link = SMOOTHNESS / 2 / Math.sqrt(squares + ROBUST);

      const s = p * SYSTEM;
      const linkLeft = system[s - SYSTEM + LINK];
      const linkAbove = system[s - stride * SYSTEM + LINK];
      const smoothU =
        link * (ux + uy) - linkLeft * (u[at] - u[at - left]) - linkAbove * (u[at] - u[at - above * width]);
      const smoothV =
        link * (vx + vy) - linkLeft * (v[at] - v[at - left]) - linkAbove * (v[at] - v[at - above * width]);
      const links = link * (right + below) + linkLeft + linkAbove;
      system[s] = smoothU - grey * a0 * c0 - gradient * (a1 * c1 + a2 * c2);
      system[s + 1] = smoothV - grey * b0 * c0 - gradient * (b1 * c1 + b2 * c2);
      system[s + 2] = 1 / (links + FLAT + grey * a0 * a0 + gradient * (a1 * a1 + a2 * a2));
      system[s + 3] = 1 / (links + FLAT + grey * b0 * b0 + gradient * (b1 * b1 + b2 * b2));
      system[s + 4] = grey * a0 * b0 + gradient * (a1 * b1 + a2 * b2);
      system[s + LINK] = link;
    }
  }
}

/** Relaxes every other pixel of row `y`, from column `first` on. */
function relaxRow(system: Float32Array, change: Float32Array, width: number, y: number, first: number): void {
  const stride = width + 2;
  for (let x = first, p = (y + 1) * stride + 1 + first; x < width; x += 2, p += 2) {
    const s = p * SYSTEM;
    const link = system[s + LINK];
    const linkLeft = system[s - SYSTEM + LINK];
    const linkAbove = system[s - stride * SYSTEM + LINK];
    const c = 2 * p;
    const above = c - 2 * stride;
    const below = c + 2 * stride;
    const sumU = linkLeft * change[c - 2] + linkAbove * change[above] + link * (change[c + 2] + change[below]);
    const sumV = linkLeft * change[c - 1] + linkAbove * change[above + 1] + link * (change[c + 3] + change[below + 1]);
    const a12 = system[s + 4];
    const aimU = (system[s] + sumU - a12 * change[c + 1]) * system[s + 2];
    const du = change[c] + OVER_RELAXATION * (aimU - change[c]);
    const aimV = (system[s + 1] + sumV - a12 * du) * system[s + 3];
    change[c] = du;
    change[c + 1] += OVER_RELAXATION * (aimV - change[c + 1]);
  }
}
