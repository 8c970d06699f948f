// Houses, towers, garden walls, fences and the skyline behind them.
import type { Random } from '../tensor/random.js';
import { bricks, facade, linear, type Material, plain, planks } from './materials.js';
import { addBox, type FaceLook, type SceneBuilder } from './scene.js';
import { poseAt, scale, type Vector3 } from './vector.js';

const trainId = { building: 2, wall: 3, fence: 4 } as const;

const wallColors = [
  0xd8c7a6, 0xc9b18d, 0xb4694b, 0xa85a44, 0xd9d4c7, 0xbfae98, 0x9aa3a8, 0xc78f5e, 0xe1d6b8, 0x8f8577, 0xb98374,
];

/** A house of `width` along the street and `depth` away from it; its front's middle stands at `position`, looking along `yaw`. */
export function addHouse(
  scene: SceneBuilder,
  random: Random,
  position: Vector3,
  yaw: number,
  width: number,
  depth: number,
  tower: boolean,
): void {
  const body = scene.body(still(poseAt(position, yaw)));
  const floor = 2.9 + 0.7 * random.uniform();
  const groundFloor = 3.2 + 0.9 * random.uniform();
  const floors = tower ? 4 + random.integer(6) : 1 + random.integer(3);
  const top = groundFloor + floors * floor + 0.4;
  const wall = scale(linear(wallColors[random.integer(wallColors.length)]), 0.75 + 0.4 * random.uniform());
  const style = {
    wall,
    trim: random.uniform() < 0.6 ? linear(0xdcd8cc) : scale(wall, 0.45),
    floor,
    groundFloor,
    pitch: 1.7 + 1.8 * random.uniform(),
    windowWidth: 0.4 + 0.3 * random.uniform(),
    windowHeight: 0.42 + 0.16 * random.uniform(),
    bricks: random.uniform() < 0.45 ? 1 : 0,
    shops: random.uniform() < 0.5 ? 1 : 0,
    seed: random.integer(1000),
  };
  const front: FaceLook = { body, material: facade(style), trainId: trainId.building };
  const side: FaceLook = {
    body,
    material:
      random.uniform() < 0.5
        ? facade({ ...style, shops: 0 })
        : style.bricks === 1
          ? bricks(wall, scale(wall, 1.3), 0.42, 0.14)
          : plain(wall, 0.12, 12),
    trainId: trainId.building,
  };
  const half = width / 2;
  const roofColor = linear([0x5d4038, 0x6d4a3a, 0x4a4a4e, 0x6b6259][random.integer(4)]);
  const roof: FaceLook = {
    body,
    material: bricks(roofColor, scale(roofColor, 0.6), 0.3, 0.3),
    trainId: trainId.building,
  };
  addBox(scene, [-half, 0, -depth], [half, top, 0], { front, back: side, left: side, right: side });
  if (!tower && random.uniform() < 0.75) {
    // A saddle roof whose ridge runs along the street.
    const rise = 2 + 2 * random.uniform();
    const eave = 0.35;
    const inside: Vector3 = [0, top, -depth / 2];
    const [left, right] = [-half, half];
    scene.face(
      [
        [left, top, eave],
        [right, top, eave],
        [right, top + rise, -depth / 2],
        [left, top + rise, -depth / 2],
      ],
      inside,
      roof,
    );
    scene.face(
      [
        [left, top, -depth],
        [right, top, -depth],
        [right, top + rise, -depth / 2],
        [left, top + rise, -depth / 2],
      ],
      inside,
      roof,
    );
    scene.face(
      [
        [left, top, 0],
        [left, top, -depth],
        [left, top + rise, -depth / 2],
      ],
      inside,
      side,
    );
    scene.face(
      [
        [right, top, 0],
        [right, top, -depth],
        [right, top + rise, -depth / 2],
      ],
      inside,
      side,
    );
    if (random.uniform() < 0.6) {
      const x = half * (random.uniform() - 0.5);
      const brick: FaceLook = {
        body,
        material: bricks(linear(0x7a4a3c), linear(0x9a8a80), 0.3, 0.1),
        trainId: trainId.building,
      };
      addBox(scene, [x - 0.35, top, -depth / 2 - 0.3], [x + 0.35, top + rise + 1, -depth / 2 + 0.3], {
        front: brick,
        left: brick,
        right: brick,
        back: brick,
      });
    }
  } else {
    const cornice: FaceLook = { body, material: plain(style.trim, 0.1), trainId: trainId.building };
    addBox(scene, [-half, top - 0.45, -depth], [half, top, 0.3], {
      front: cornice,
      left: cornice,
      right: cornice,
      bottom: cornice,
    });
  }
  if (random.uniform() < 0.3 && !tower) {
    // Balconies.
    const rail: FaceLook = { body, material: plain(scale(style.trim, 0.8), 0.1), trainId: trainId.building };
    for (let level = 0; level < floors; level++) {
      const y = groundFloor + level * floor;
      for (const x of [-half * 0.5, half * 0.5]) {
        addBox(scene, [x - 1.1, y, 0], [x + 1.1, y + 0.95, 0.9], {
          front: rail,
          left: rail,
          right: rail,
          bottom: rail,
        });
      }
    }
  }
}

/** A wall or fence from `from` to `to` (world x, z), `height` metres high. */
export function addBarrier(
  scene: SceneBuilder,
  random: Random,
  from: readonly [number, number],
  to: readonly [number, number],
  kind: 'wall' | 'fence',
  height: number,
  tint: Vector3,
): void {
  const [dx, dz] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dz);
  // Local z runs along the barrier.
  const body = scene.body(still(poseAt([from[0], 0, from[1]], Math.atan2(dx, dz))));
  let material: Material;
  if (kind === 'fence') material = planks(tint, 0.16 + 0.1 * random.uniform());
  else material = random.uniform() < 0.6 ? bricks(tint, scale(tint, 1.35), 0.42, 0.14) : plain(tint, 0.22, 9);
  const look: FaceLook = { body, material, trainId: trainId[kind] };
  const thick = kind === 'wall' ? 0.14 : 0.03;
  addBox(scene, [-thick, 0, 0], [thick, height, length], {
    left: look,
    right: look,
    front: look,
    back: look,
    top: look,
  });
}

/** A far row of roofs, so that the horizon is no bare line. */
export function addSkyline(scene: SceneBuilder, random: Random, x: number, z: number): void {
  const body = scene.body(still(poseAt([x, 0, z], Math.PI * (0.9 + 0.2 * random.uniform()))));
  const tone = 0.16 + 0.12 * random.uniform();
  const look: FaceLook = {
    body,
    material: facade({
      wall: [tone * 1.08, tone, tone * 0.95],
      trim: [tone, tone, tone],
      floor: 3.4,
      groundFloor: 3.4,
      pitch: 3.2,
      windowWidth: 0.5,
      windowHeight: 0.5,
      bricks: 0,
      shops: 0,
      seed: random.integer(1000),
    }),
    trainId: trainId.building,
    castsShadow: false,
  };
  const half = 9 + 9 * random.uniform();
  addBox(scene, [-half, 0, -6], [half, 9 + 16 * random.uniform(), 6], {
    front: look,
    left: look,
    right: look,
    back: look,
  });
}

function still(pose: Float64Array): () => Float64Array {
  return () => pose;
}
