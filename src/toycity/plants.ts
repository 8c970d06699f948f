// Trees, bushes and hedges.
import type { Random } from '../tensor/random.js';
import { foliage, linear, type Material, plain } from './materials.js';
import { addBox, addColumn, allFaces, type SceneBuilder } from './scene.js';
import { poseAt, scale, type Vector3 } from './vector.js';

const vegetation = 8;

function leaves(random: Random): Material {
  const light = linear([0x6f8f3c, 0x5f8a3a, 0x86963f, 0x4f7d3c, 0x7d8c4a][random.integer(5)]);
  return foliage(scale(light, 0.8 + 0.4 * random.uniform()), scale(light, 0.28), -0.3, 100 * random.uniform());
}

/** A tree of `height` metres: a trunk and a crown of several tufts. */
export function addTree(scene: SceneBuilder, random: Random, position: Vector3, height: number): void {
  const pose = poseAt(position, 2 * Math.PI * random.uniform());
  const body = scene.body(() => pose);
  const bark = plain(scale(linear(0x6a5646), 0.6 + 0.5 * random.uniform()), 0.35, 50);
  const stem = height * (0.3 + 0.1 * random.uniform());
  const radius = 0.09 + 0.012 * height;
  // As in street scenes, the trunk is vegetation too.
  addColumn(scene, [0, 0], [0, stem + 0.25 * height], [radius, radius * 0.6], 6, {
    body,
    material: bark,
    trainId: vegetation,
  });
  const look = { body, material: leaves(random), trainId: vegetation };
  const crown = height - stem;
  const wide = crown * (0.3 + 0.2 * random.uniform());
  if (random.uniform() < 0.15) {
    // A slender tree such as a poplar.
    scene.ellipsoid([0, stem + crown * 0.5, 0], [wide * 0.5, crown * 0.56, wide * 0.5], look);
    return;
  }
  scene.ellipsoid([0, stem + crown * 0.55, 0], [wide * 0.85, crown * 0.42, wide * 0.85], look);
  const tufts = 4 + random.integer(3);
  for (let k = 0; k < tufts; k++) {
    const angle = (2 * Math.PI * (k + 0.6 * random.uniform())) / tufts;
    const out = wide * (0.5 + 0.25 * random.uniform());
    const size = crown * (0.2 + 0.1 * random.uniform());
    scene.ellipsoid(
      [out * Math.sin(angle), stem + crown * (0.3 + 0.45 * random.uniform()), out * Math.cos(angle)],
      [size * 1.2, size, size * 1.2],
      look,
    );
  }
}

/** A round bush. */
export function addBush(scene: SceneBuilder, random: Random, position: Vector3, size: number): void {
  const pose = poseAt(position, 2 * Math.PI * random.uniform());
  const body = scene.body(() => pose);
  const look = { body, material: leaves(random), trainId: vegetation };
  scene.ellipsoid([0, size * 0.5, 0], [size * 0.8, size * 0.62, size * 0.7], look);
  scene.ellipsoid([size * 0.6, size * 0.35, 0.2 * size], [size * 0.5, size * 0.45, size * 0.5], look);
}

/** A clipped hedge from `from` to `to` (world x, z). */
export function addHedge(
  scene: SceneBuilder,
  random: Random,
  from: readonly [number, number],
  to: readonly [number, number],
  height: number,
): void {
  const [dx, dz] = [to[0] - from[0], to[1] - from[1]];
  const pose = poseAt([from[0], 0, from[1]], Math.atan2(dx, dz));
  const body = scene.body(() => pose);
  addBox(
    scene,
    [-0.4, 0, 0],
    [0.4, height, Math.hypot(dx, dz)],
    allFaces({ body, material: leaves(random), trainId: vegetation }),
  );
}
