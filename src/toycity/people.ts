// People who walk and stand, and those who ride bicycles and motorcycles.
import type { Random } from '../tensor/random.js';
import { frameRate } from './camera.js';
import { glass, lamp, linear, paint, plain, spokes, wheel } from './materials.js';
import { addBox, allFaces, type FaceLook, type Motion, type SceneBuilder } from './scene.js';
import { add, compose, cross, normalize, poseAt, scale, subtract, type Vector3 } from './vector.js';

const trainId = { person: 11, rider: 12, motorcycle: 17, bicycle: 18 } as const;
const clothColors = [
  0x2b2f38, 0x3c4a63, 0x6b2d2d, 0x8d8f92, 0x2e4a3a, 0xb49a6a, 0x1b1c1f, 0xc2c4c6, 0x91462f, 0x54607a, 0xd0b23c,
];
const skins = [0xe0b79a, 0xc68f6c, 0x8d5a3c, 0x5c3a28, 0xf0cdb2];
const hairs = [0x1c1614, 0x3a281c, 0x6a4a2c, 0x8a8680, 0xa8824a];

function cloth(random: Random) {
  return plain(scale(linear(clothColors[random.integer(clothColors.length)]), 0.7 + 0.6 * random.uniform()), 0.2, 60);
}

/** A limb that swings about `joint` (in its owner's coordinates) by `angle(frame)` radians forward. */
function limb(owner: Motion, joint: Vector3, angle: (frame: number) => number): Motion {
  return (frame) => compose(owner(frame), poseAt(joint, 0, -angle(frame)));
}

/** A person about the ground point of `motion`, who walks along z at `speed` m/s (0 stands). */
export function addPedestrian(scene: SceneBuilder, random: Random, motion: Motion, speed: number): void {
  const size = 0.9 + 0.16 * random.uniform() - (random.uniform() < 0.12 ? 0.3 : 0);
  const id = trainId.person;
  const step = speed > 0 ? (2 * Math.PI * speed) / (1.5 * size) : 0.8;
  const reach = speed > 0 ? 0.5 : 0.03;
  const phase = 2 * Math.PI * random.uniform();
  const swing = (sign: number) => (frame: number) => sign * reach * Math.sin((step * frame) / frameRate + phase);
  const torsoBody = scene.body(motion);
  const coat = cloth(random);
  const trousers = cloth(random);
  const skin = plain(linear(skins[random.integer(skins.length)]), 0.08);
  const hair = plain(linear(hairs[random.integer(hairs.length)]), 0.3, 80);
  const part = (body: number, material: FaceLook['material']): FaceLook => ({ body, material, trainId: id });
  const s = (x: number, y: number, z: number): Vector3 => [x * size, y * size, z * size];
  scene.ellipsoid(s(0, 1.22, 0), s(0.2, 0.34, 0.13), part(torsoBody, coat));
  scene.ellipsoid(s(0, 0.95, 0), s(0.17, 0.16, 0.13), part(torsoBody, random.uniform() < 0.4 ? coat : trousers));
  scene.ellipsoid(s(0, 1.64, 0.01), s(0.09, 0.12, 0.1), part(torsoBody, skin));
  scene.ellipsoid(s(0, 1.69, -0.02), s(0.098, 0.095, 0.1), part(torsoBody, hair));
  scene.ellipsoid(s(0, 1.52, 0), s(0.06, 0.09, 0.06), part(torsoBody, skin));
  for (const side of [-1, 1]) {
    const leg = scene.body(limb(motion, s(0.09 * side, 0.92, 0), swing(side)));
    scene.ellipsoid(s(0, -0.26, 0), s(0.085, 0.3, 0.095), part(leg, trousers));
    scene.ellipsoid(s(0, -0.64, -0.01), s(0.065, 0.28, 0.075), part(leg, trousers));
    scene.ellipsoid(s(0, -0.87, 0.05), s(0.05, 0.05, 0.13), part(leg, plain([0.02, 0.02, 0.02], 0.1)));
    const arm = scene.body(limb(motion, s(0.22 * side, 1.44, 0), swing(-0.8 * side)));
    scene.ellipsoid(s(0, -0.2, 0), s(0.06, 0.24, 0.07), part(arm, coat));
    scene.ellipsoid(s(0, -0.5, 0.03), s(0.045, 0.17, 0.05), part(arm, coat));
    scene.ellipsoid(s(0, -0.68, 0.05), s(0.04, 0.06, 0.04), part(arm, skin));
  }
  if (random.uniform() < 0.3) {
    addBox(scene, s(-0.15, 1, -0.28), s(0.15, 1.42, -0.1), allFaces(part(torsoBody, cloth(random))));
  }
}

/** A tube between two points in the (y, z) plane of a body, as two crossed strips. */
function tube(scene: SceneBuilder, from: Vector3, to: Vector3, width: number, look: FaceLook): void {
  const along = normalize(subtract(to, from));
  const side: Vector3 = Math.abs(along[0]) > 0.9 ? [0, 1, 0] : [1, 0, 0];
  for (const across of [side, normalize(cross(along, side))]) {
    const w = scale(across, width / 2);
    scene.sheet([add(from, w), add(to, w), subtract(to, w), subtract(from, w)], look);
  }
}

/** A rider's body: hips at `hip`, shoulders at `shoulder`, hands at `hand`, all in the (y, z) plane; the feet go round when `pedal` > 0 turns a second. */
function addRider(
  scene: SceneBuilder,
  random: Random,
  motion: Motion,
  hip: Vector3,
  shoulder: Vector3,
  hand: Vector3,
  foot: Vector3,
  pedal: number,
  helmet: boolean,
): void {
  const id = trainId.rider;
  const torso = scene.body(motion);
  const coat = cloth(random);
  const trousers = cloth(random);
  const skin = plain(linear(skins[random.integer(skins.length)]), 0.08);
  const part = (body: number, material: FaceLook['material']): FaceLook => ({ body, material, trainId: id });
  const lean = Math.atan2(shoulder[2] - hip[2], shoulder[1] - hip[1]);
  const length = Math.hypot(shoulder[1] - hip[1], shoulder[2] - hip[2]);
  const back = scene.body((frame) => compose(motion(frame), poseAt(hip, 0, lean)));
  scene.ellipsoid([0, length * 0.5, 0], [0.19, length * 0.62, 0.13], part(back, coat));
  scene.ellipsoid([0, shoulder[1] + 0.24, shoulder[2] + 0.07], [0.09, 0.12, 0.1], part(torso, skin));
  const cap = helmet
    ? paint(linear([0xc8c8c8, 0x202020, 0xa82020][random.integer(3)]))
    : plain(linear(hairs[random.integer(hairs.length)]), 0.3, 80);
  scene.ellipsoid(
    [0, shoulder[1] + 0.3, shoulder[2] + 0.05],
    helmet ? [0.125, 0.115, 0.14] : [0.1, 0.095, 0.1],
    part(torso, cap),
  );
  for (const side of [-1, 1]) {
    const reach = Math.hypot(hand[1] - shoulder[1], hand[2] - shoulder[2]);
    const angle = Math.atan2(hand[2] - shoulder[2], shoulder[1] - hand[1]);
    const arm = scene.body((frame) =>
      compose(motion(frame), poseAt([0.2 * side, shoulder[1] - 0.04, shoulder[2]], 0, -angle)),
    );
    scene.ellipsoid([0, -reach / 2, 0], [0.055, reach / 2 + 0.04, 0.06], part(arm, coat));
    const phase = side > 0 ? 0 : Math.PI;
    const legAngle = (frame: number) => {
      const turn = 2 * Math.PI * pedal * (frame / frameRate) + phase;
      const z = foot[2] - hip[2] + (pedal > 0 ? 0.16 * Math.sin(turn) : 0);
      const y = hip[1] - foot[1] + (pedal > 0 ? 0.16 * Math.cos(turn) : 0);
      return [Math.atan2(z, y), Math.hypot(z, y)] as const;
    };
    const [, full] = [0, Math.hypot(foot[2] - hip[2], hip[1] - foot[1])];
    const leg = scene.body((frame) =>
      compose(motion(frame), poseAt([0.1 * side, hip[1], hip[2]], 0, -legAngle(frame)[0] - 0.25)),
    );
    scene.ellipsoid([0, -full * 0.27, 0.06], [0.08, full * 0.32, 0.095], part(leg, trousers));
    const shin = scene.body((frame) =>
      compose(motion(frame), poseAt([0.1 * side, hip[1], hip[2]], 0, -legAngle(frame)[0] + 0.12)),
    );
    scene.ellipsoid([0, -full * 0.72, 0.02], [0.06, full * 0.3, 0.07], part(shin, trousers));
    scene.ellipsoid([0, -full, 0.08], [0.045, 0.045, 0.12], part(shin, plain([0.02, 0.02, 0.02], 0.1)));
  }
}

/** A bicycle about its ground point; with a rider when `ridden`. */
export function addBicycle(scene: SceneBuilder, random: Random, motion: Motion, ridden: boolean): void {
  const body = scene.body(motion);
  const id = trainId.bicycle;
  const radius = 0.35;
  for (const z of [-0.52, 0.52]) {
    const rim = Array.from({ length: 16 }, (_, k): Vector3 => {
      const angle = (Math.PI * k) / 8;
      return [0, radius + radius * Math.cos(angle), z + radius * Math.sin(angle)];
    });
    scene.sheet(rim, { body, material: spokes(radius), trainId: id, origin: [0, radius, z], castsShadow: false });
  }
  const look: FaceLook = {
    body,
    material: paint(linear([0x202428, 0x9a2a22, 0x2a5a8a, 0x3a6a3a, 0xb8b8b8][random.integer(5)])),
    trainId: id,
  };
  const saddle: Vector3 = [0, 0.92, -0.2];
  const crank: Vector3 = [0, 0.32, -0.05];
  const head: Vector3 = [0, 0.9, 0.36];
  for (const [from, to] of [
    [saddle, crank],
    [crank, head],
    [saddle, head],
    [[0, radius, -0.52], crank],
    [[0, radius, -0.52], saddle],
    [[0, radius, 0.52], head],
    [
      [-0.28, 1.02, 0.32],
      [0.28, 1.02, 0.32],
    ],
    [head, [0, 1.02, 0.33]],
  ] as [Vector3, Vector3][]) {
    tube(scene, from, to, 0.05, look);
  }
  addBox(
    scene,
    [-0.07, 0.92, -0.34],
    [0.07, 0.98, -0.06],
    allFaces({ body, material: plain([0.02, 0.02, 0.02], 0.1), trainId: id }),
  );
  if (ridden) {
    addRider(
      scene,
      random,
      motion,
      [0, 1, -0.18],
      [0, 1.48, 0.06],
      [0, 1.05, 0.32],
      [0, 0.36, -0.03],
      1.1,
      random.uniform() < 0.5,
    );
  }
}

/** A motorcycle about its ground point; with a rider when `ridden`. */
export function addMotorcycle(scene: SceneBuilder, random: Random, motion: Motion, ridden: boolean): void {
  const body = scene.body(motion);
  const id = trainId.motorcycle;
  const radius = 0.31;
  const rubber: FaceLook = { body, material: plain([0.015, 0.015, 0.015], 0.1), trainId: id };
  for (const z of [-0.68, 0.68]) {
    for (const side of [-1, 1]) {
      const rim = Array.from({ length: 12 }, (_, k): Vector3 => {
        const angle = (Math.PI * k) / 6;
        return [0.07 * side, radius + radius * Math.cos(angle), z + radius * Math.sin(angle)];
      });
      scene.face(rim, [0, radius, z], {
        body,
        material: wheel(radius),
        trainId: id,
        origin: [0, radius, z],
        castsShadow: false,
      });
    }
    addBox(scene, [-0.07, 0, z - radius * 0.72], [0.07, 2 * radius * 0.9, z + radius * 0.72], {
      front: rubber,
      back: rubber,
    });
  }
  const shell: FaceLook = {
    body,
    material: paint(linear([0x8a1c1c, 0x1c1c20, 0x2a4a7a, 0xc0c0c0][random.integer(4)])),
    trainId: id,
  };
  scene.ellipsoid([0, 0.82, 0.15], [0.15, 0.17, 0.34], shell);
  scene.ellipsoid([0, 0.82, -0.42], [0.13, 0.1, 0.36], { ...shell, material: plain([0.02, 0.02, 0.02], 0.15) });
  addBox(
    scene,
    [-0.14, 0.3, -0.3],
    [0.14, 0.7, 0.3],
    allFaces({ body, material: plain(linear(0x55585a), 0.3, 50), trainId: id }),
  );
  tube(scene, [0, radius, 0.68], [0, 1.02, 0.42], 0.1, shell);
  tube(scene, [-0.34, 1.06, 0.36], [0.34, 1.06, 0.36], 0.05, rubber);
  scene.ellipsoid([0, 0.92, 0.58], [0.1, 0.1, 0.06], { body, material: lamp([0.95, 0.93, 0.85]), trainId: id });
  scene.ellipsoid([0, 0.84, -0.78], [0.07, 0.05, 0.03], { body, material: lamp([0.5, 0.02, 0.02]), trainId: id });
  tube(scene, [0, 1, 0.52], [0, 1.22, 0.4], 0.24, { body, material: glass, trainId: id });
  if (ridden)
    addRider(scene, random, motion, [0, 0.92, -0.25], [0, 1.42, -0.02], [0, 1.06, 0.36], [0, 0.35, 0.02], 0, true);
}
