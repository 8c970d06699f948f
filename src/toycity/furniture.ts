// What stands on pavements: lamp posts, signs, traffic lights, bollards, bins, shelters.

import { ignoreLabel } from '../media/image.js';
import type { Random } from '../tensor/random.js';
import { hoarding, lamp, linear, plain, sign } from './materials.js';
import { addBox, addColumn, addInset, allFaces, type FaceLook, type SceneBuilder } from './scene.js';
import { poseAt, type Vector3 } from './vector.js';

const trainId = { pole: 5, trafficLight: 6, trafficSign: 7, building: 2 } as const;
const metal = plain(linear(0x787b7d), 0.1);
const darkMetal = plain(linear(0x3c3f42), 0.1);

/** A lamp post whose arm reaches `arm` metres along the body's x axis. */
export function addLampPost(scene: SceneBuilder, random: Random, position: Vector3, yaw: number, arm: number): void {
  const pose = poseAt(position, yaw);
  const body = scene.body(() => pose);
  const look: FaceLook = { body, material: random.uniform() < 0.5 ? metal : darkMetal, trainId: trainId.pole };
  const height = 6.5 + 2 * random.uniform();
  addColumn(scene, [0, 0], [0, height], [0.09, 0.05], 6, look);
  const [low, high] = arm < 0 ? [arm, 0] : [0, arm];
  addBox(scene, [low, height - 0.08, -0.04], [high, height, 0.04], allFaces(look));
  addBox(scene, [arm - 0.3, height - 0.12, -0.12], [arm + 0.3, height + 0.04, 0.12], allFaces(look));
}

/** A traffic sign of a design (see materials.ts) on its post, facing back along z. */
export function addSign(scene: SceneBuilder, random: Random, position: Vector3, yaw: number): void {
  const pose = poseAt(position, yaw);
  const body = scene.body(() => pose);
  const design = random.integer(6);
  const half = 0.3 + 0.08 * random.uniform();
  const height = 2.1 + 0.5 * random.uniform();
  addColumn(scene, [0, 0], [0, height + half], [0.035, 0.035], 5, { body, material: metal, trainId: trainId.pole });
  const center: Vector3 = [0, height, -0.05];
  const corners = { 0: 14, 1: 14, 2: 3, 3: 4, 4: 8, 5: 4 }[design] ?? 4;
  const turn = design === 3 ? Math.PI / 4 : design === 4 ? Math.PI / 8 : 0;
  const reach = design === 3 ? half * Math.SQRT2 : half;
  const points = Array.from({ length: corners }, (_, k): Vector3 => {
    const angle = turn + (2 * Math.PI * k) / corners;
    return [reach * Math.sin(angle), height + reach * Math.cos(angle), -0.05];
  });
  const look: FaceLook = { body, material: sign(design, half), trainId: trainId.trafficSign, origin: center };
  scene.face(points, [0, height, 0], look);
  // The grey back, which is no sign's face but counts as one.
  scene.face(
    points.map(([x, y]): Vector3 => [x, y, -0.04]),
    [0, height, -0.1],
    { body, material: metal, trainId: trainId.trafficSign },
  );
  if (random.uniform() < 0.25) {
    const plate: FaceLook = { body, material: plain(linear(0xe8e8e4), 0.1), trainId: trainId.trafficSign };
    addBox(scene, [-0.25, height - half - 0.32, -0.06], [0.25, height - half - 0.06, -0.04], {
      back: plate,
      front: plate,
    });
  }
}

/** A direction board on two posts, facing back along z. */
export function addBoard(scene: SceneBuilder, position: Vector3, yaw: number): void {
  const pose = poseAt(position, yaw);
  const body = scene.body(() => pose);
  const post: FaceLook = { body, material: metal, trainId: trainId.pole };
  for (const x of [-0.8, 0.8]) addColumn(scene, [x, 0], [0, 3.6], [0.05, 0.05], 5, post);
  const look: FaceLook = { body, material: sign(6, 1.1), trainId: trainId.trafficSign, origin: [0, 3, -0.08] };
  const back: FaceLook = { body, material: metal, trainId: trainId.trafficSign };
  addBox(scene, [-1.1, 2.4, -0.08], [1.1, 3.6, -0.06], { back: look, front: back, left: back, right: back });
}

/** A traffic light of a signal group, facing back along z. */
export function addTrafficLight(scene: SceneBuilder, position: Vector3, yaw: number, group: number): void {
  const pose = poseAt(position, yaw);
  const body = scene.body(() => pose);
  const height = 2.5;
  addColumn(scene, [0, 0], [0, height + 0.2], [0.055, 0.05], 6, { body, material: darkMetal, trainId: trainId.pole });
  const box: FaceLook = { body, material: plain(linear(0x202322), 0.1), trainId: trainId.trafficLight };
  addBox(scene, [-0.17, height, -0.2], [0.17, height + 1, 0.05], allFaces(box));
  const lights: [number, Vector3][] = [
    [0, [1, 0.06, 0.03]],
    [1, [1, 0.55, 0.03]],
    [2, [0.1, 1, 0.45]],
  ];
  for (const [phase, color] of lights) {
    scene.ellipsoid([0, height + 0.82 - 0.32 * phase, -0.2], [0.12, 0.12, 0.05], {
      body,
      material: lamp(color, phase, group),
      trainId: trainId.trafficLight,
      castsShadow: false,
    });
  }
}

/** Bollards, bins and boxes: bollards count as poles, the others as nothing that counts. */
export function addSmallThing(scene: SceneBuilder, random: Random, position: Vector3, yaw: number): void {
  const pose = poseAt(position, yaw);
  const body = scene.body(() => pose);
  const drawn = random.uniform();
  if (drawn < 0.5) {
    addColumn(scene, [0, 0], [0, 0.95], [0.07, 0.06], 6, { body, material: darkMetal, trainId: trainId.pole }, true);
  } else if (drawn < 0.75) {
    const color = linear([0x2f5d3a, 0x4a4d50, 0x7a5a2c][random.integer(3)]);
    addColumn(
      scene,
      [0, 0],
      [0, 0.9],
      [0.26, 0.28],
      8,
      { body, material: plain(color, 0.2), trainId: ignoreLabel },
      true,
    );
  } else {
    const grey = plain(linear(0x8d9088), 0.15, 12);
    addBox(scene, [-0.45, 0, -0.2], [0.45, 1.25, 0.2], allFaces({ body, material: grey, trainId: ignoreLabel }));
  }
}

/** A bus shelter with a poster; its open side looks along x. */
export function addShelter(scene: SceneBuilder, random: Random, position: Vector3, yaw: number): void {
  const pose = poseAt(position, yaw);
  const body = scene.body(() => pose);
  const frame: FaceLook = { body, material: darkMetal, trainId: trainId.building };
  addBox(scene, [-0.7, 2.3, -1.8], [0.7, 2.45, 1.8], allFaces(frame));
  for (const z of [-1.7, 1.7]) for (const x of [-0.6, 0.6]) addColumn(scene, [x, z], [0, 2.3], [0.05, 0.05], 4, frame);
  const [a, b] = [0, 1].map(
    (): Vector3 => [0.1 + 0.7 * random.uniform(), 0.1 + 0.5 * random.uniform(), 0.1 + 0.5 * random.uniform()],
  );
  const side: FaceLook = { body, material: metal, trainId: trainId.building };
  addBox(scene, [-0.6, 0.3, 1.66], [0.6, 2.1, 1.72], allFaces(side));
  const last = scene.primitives.length;
  for (let k = last - 6; k < last - 4; k++) {
    const face = scene.primitives[k];
    if (face.kind === 'polygon')
      addInset(scene, face, 0.88, 0.01, {
        body,
        material: hoarding(a, b, random.integer(99)),
        trainId: trainId.building,
      });
  }
}
