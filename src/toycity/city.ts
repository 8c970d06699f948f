// Furnishes a street: what stands beside it, what drives on it, who walks along and across it.
import { createRandom, deriveSeed, type Random } from '../tensor/random.js';
import { addBarrier, addHouse, addSkyline } from './buildings.js';
import { type Drive, frameRate } from './camera.js';
import { addBoard, addLampPost, addShelter, addSign, addSmallThing, addTrafficLight } from './furniture.js';
import { groundMaterial, linear } from './materials.js';
import { addBicycle, addMotorcycle, addPedestrian } from './people.js';
import { addBush, addHedge, addTree } from './plants.js';
import { createSceneBuilder, type Motion, type Scene, type SceneBuilder } from './scene.js';
import { type Block, crossingDistance, headingAt, middleAt, type Street } from './street.js';
import { poseAt, scale, type Vector3 } from './vector.js';
import { addCar, addCoach, addTruck } from './vehicles.js';

/** How far things move and stand ahead of the camera, in metres. */
export const DRAW_DISTANCE = 150;

/** Everything of a street that a drive of `frames` frames can see. */
export function createCity(seed: number, street: Street, drive: Drive, frames: number): Scene {
  const scene = createSceneBuilder();
  const far = 3000;
  scene.face([[-far, 0, street.from - far], [far, 0, street.from - far], [far, 0, street.to + far], [-far, 0, street.to + far]], [0, -1, 0], {
    body: 0,
    material: groundMaterial,
    trainId: 0,
    castsShadow: false,
  }); // biome-ignore format: corners
  for (const [k, block] of street.blocks.entries())
    furnishBlock(scene, createRandom(deriveSeed(seed, 'block', k)), street, block);
  for (const [k, z] of street.crossings.entries())
    furnishCrossing(scene, createRandom(deriveSeed(seed, 'crossing', k)), street, z, k);
  furnishKerbs(scene, createRandom(deriveSeed(seed, 'kerb')), street);
  addTraffic(scene, createRandom(deriveSeed(seed, 'traffic')), street, drive, frames);
  addPeople(scene, createRandom(deriveSeed(seed, 'people')), street, drive, frames);
  const random = createRandom(deriveSeed(seed, 'skyline'));
  for (let k = 0; k < 26; k++) {
    const x = middleAt(street, street.to) + (k - 12.5) * 17 + 6 * random.uniform();
    addSkyline(scene, random, x, street.to + 18 + 30 * random.uniform());
  }
  for (let z = street.from; z < street.to; z += 26) {
    for (const side of [-1, 1])
      addSkyline(scene, random, middleAt(street, z) + side * (62 + 25 * random.uniform()), z + 10 * random.uniform());
  }
  return scene;
}

/** World position `lateral` metres right of the street's middle. */
function beside(street: Street, lateral: number, z: number): Vector3 {
  return [middleAt(street, z) + lateral, 0, z];
}

/** From the middle to where plots begin. */
function plotEdge(street: Street): number {
  return street.roadHalf + street.verge + street.pavement;
}

function furnishBlock(scene: SceneBuilder, random: Random, street: Street, block: Block): void {
  const { side, from, to, zone } = block;
  const edge = plotEdge(street);
  // Facing the street: local z of a house points towards it.
  const facing = (z: number) => headingAt(street, z) - (side * Math.PI) / 2;
  if (zone === 'houses' || zone === 'towers') {
    const setback = zone === 'houses' && random.uniform() < 0.4 ? 1.5 + 2 * random.uniform() : 0.2;
    for (let z = from; z < to - 4; ) {
      const width = Math.min(to - z, zone === 'towers' ? 12 + 12 * random.uniform() : 7 + 7 * random.uniform());
      const gap = random.uniform() < 0.25 ? 2.5 : 0;
      const middle = z + width / 2;
      // Terraces follow the bend; each house stands back enough that no corner reaches the pavement.
      const skew = Math.abs(Math.tan(headingAt(street, middle)) * width) / 4;
      const position = beside(street, side * (edge + setback + 0.3 + skew), middle);
      addHouse(scene, random, position, facing(middle), width - gap, 9 + 3 * random.uniform(), zone === 'towers');
      z += width;
    }
    return;
  }
  const tint = scale(linear([0xb4694b, 0xc9b18d, 0xa59a88, 0xbfae98][random.integer(4)]), 0.8 + 0.3 * random.uniform());
  const wood = scale(linear([0x8f6a48, 0x7a7468, 0xb0a890, 0x5f6b52][random.integer(4)]), 0.8 + 0.3 * random.uniform());
  const piece = 5;
  const border = random.uniform();
  const height = 1 + 1.2 * random.uniform();
  for (let z = from; z + piece <= to + 0.01; z += piece) {
    const [a, b] = [beside(street, side * (edge + 0.2), z), beside(street, side * (edge + 0.2), z + piece)];
    const start = [a[0], a[2]] as const;
    const end = [b[0], b[2]] as const;
    if (zone === 'wall') addBarrier(scene, random, start, end, 'wall', height + 0.9, tint);
    else if (zone === 'gardens') {
      if (border < 0.6) addBarrier(scene, random, start, end, 'fence', height, wood);
      else addHedge(scene, random, start, end, height);
    } else if (zone === 'park' && border < 0.3) addBarrier(scene, random, start, end, 'fence', 0.9, wood);
  }
  for (let z = from + 2; z < to - 1; z += zone === 'square' ? 7 : 3.5 + 3 * random.uniform()) {
    const depth = edge + 2.5 + 16 * random.uniform();
    if (zone !== 'square' || random.uniform() < 0.5)
      addTree(scene, random, beside(street, side * depth, z), 5 + 6 * random.uniform());
    if (zone !== 'square' && random.uniform() < 0.5)
      addBush(
        scene,
        random,
        beside(street, side * (edge + 1.2 + 3 * random.uniform()), z + 1.5),
        0.8 + random.uniform(),
      );
  }
  if (zone === 'gardens' || zone === 'square') {
    for (let z = from + 6; z < to - 6; z += 17) {
      const position = beside(street, side * (edge + (zone === 'gardens' ? 9 : 22)), z);
      addHouse(scene, random, position, facing(z), 11, 9, zone === 'square');
    }
  }
  if (zone === 'park') {
    for (let z = from + 5; z < to - 5; z += 18)
      addHouse(scene, random, beside(street, side * (edge + 34), z), facing(z), 17, 10, random.uniform() < 0.5);
  }
}

function furnishCrossing(scene: SceneBuilder, random: Random, street: Street, z: number, index: number): void {
  const signalled = random.uniform() < 0.7;
  const reach = street.crossingHalf;
  for (const side of [-1, 1]) {
    const lateral = side * (street.roadHalf + 0.5);
    // Lights face both ways along the street; those on our right count for us.
    if (signalled) {
      addTrafficLight(scene, beside(street, lateral, z - reach - 1), headingAt(street, z), index);
      addTrafficLight(scene, beside(street, lateral, z + reach + 1), headingAt(street, z) + Math.PI, index);
    } else addSign(scene, random, beside(street, lateral, z - reach - 1.2), headingAt(street, z));
    for (const end of [-1, 1]) {
      if (random.uniform() < 0.5)
        addSmallThing(scene, random, beside(street, side * (street.roadHalf + 0.7), z + end * (reach + 2.4)), 0);
    }
    // The side street is lined with houses, so that one does not look into nothing.
    for (let k = 0; k < 3; k++) {
      for (const end of [-1, 1]) {
        const away = side * (plotEdge(street) + 16 + 12 * k);
        const position = beside(street, away, z + end * (reach + street.pavement + 0.4));
        addHouse(scene, random, position, end > 0 ? Math.PI : 0, 11.5, 7, random.uniform() < 0.5);
      }
    }
  }
  if (random.uniform() < 0.4)
    addBoard(scene, beside(street, street.roadHalf + 1.4, z - reach - 9), headingAt(street, z));
}

function furnishKerbs(scene: SceneBuilder, random: Random, street: Street): void {
  for (const side of [-1, 1]) {
    const kerb = street.roadHalf;
    const spacing = 18 + 10 * random.uniform();
    for (let z = street.from + spacing * random.uniform(); z < street.to; z += spacing) {
      if (crossingDistance(street, z) < street.crossingHalf + 1.5) continue;
      addLampPost(scene, random, beside(street, side * (kerb + 0.6), z), headingAt(street, z), -side * 1.6);
    }
    const avenue = random.uniform() < 0.55;
    for (let z = street.from + 5 * random.uniform(); z < street.to; z += 7 + 6 * random.uniform()) {
      if (crossingDistance(street, z) < street.crossingHalf + 3) continue;
      const place = (lateral: number) => beside(street, side * lateral, z);
      const drawn = random.uniform();
      if (avenue && drawn < 0.5)
        addTree(scene, random, place(kerb + 0.5 + 0.5 * street.verge), 4 + 3.5 * random.uniform());
      else if (drawn < 0.68)
        addSign(
          scene,
          random,
          place(kerb + 0.5),
          headingAt(street, z) + (side < 0 ? Math.PI : 0) + 0.2 * (random.uniform() - 0.5),
        );
      else if (drawn < 0.88)
        addSmallThing(scene, random, place(kerb + 0.4 + 0.5 * random.uniform()), headingAt(street, z));
      else if (drawn < 0.92)
        addShelter(
          scene,
          random,
          place(kerb + street.verge + street.pavement - 0.9),
          headingAt(street, z) + (side > 0 ? Math.PI : 0),
        );
      else if (drawn < 0.97) {
        const pose = poseAt(place(kerb + 0.9 + street.verge), headingAt(street, z) + 0.5 * random.uniform());
        addBicycle(scene, random, () => pose, false);
      } else {
        const pose = poseAt(place(kerb + 0.7 + street.verge), headingAt(street, z) + 0.7 * random.uniform());
        addMotorcycle(scene, random, () => pose, false);
      }
    }
  }
}

/** Follows the street at `lateral` metres, `z(frame)` along it; `ahead` is false for those who come towards us. */
function along(street: Street, lateral: number, z: (frame: number) => number, ahead: boolean): Motion {
  return (frame) => {
    const at = z(frame);
    return poseAt(beside(street, lateral, at), headingAt(street, at) + (ahead ? 0 : Math.PI));
  };
}

function addTraffic(scene: SceneBuilder, random: Random, street: Street, drive: Drive, frames: number): void {
  const kerb = street.roadHalf;
  // Parked cars stand in gaps along both kerbs, partly on the pavement of narrow streets.
  for (const side of [-1, 1]) {
    const share = random.uniform();
    // Where the lane leaves room they stand on the road, else half on the pavement.
    const room = kerb - drive.lane > 3.1 ? -1 : kerb - drive.lane > 2.2 ? 0.3 : 1.1;
    for (let z = street.from + 4; z < street.to; z += 5.6 + random.uniform()) {
      if (crossingDistance(street, z) < street.crossingHalf + 7.5 || random.uniform() > share) continue;
      const pose = poseAt(
        beside(street, side * (kerb + room), z),
        headingAt(street, z) + (side < 0 ? Math.PI : 0) + 0.03 * random.normal(),
      );
      if (random.uniform() < 0.06) addTruck(scene, random, () => pose);
      else addCar(scene, random, () => pose);
    }
  }
  const seconds = frames / frameRate;
  const vehicle = (motion: Motion) => {
    const drawn = random.uniform();
    if (drawn < 0.62) addCar(scene, random, motion);
    else if (drawn < 0.74) addTruck(scene, random, motion);
    else if (drawn < 0.86) addCoach(scene, random, motion, false);
    else if (drawn < 0.93) addMotorcycle(scene, random, motion, true);
    else addBicycle(scene, random, motion, true);
  };
  // Those ahead in our lane keep their distance by driving about as we do.
  let gap = 11 + 14 * random.uniform();
  for (let k = 0; k < 3; k++) {
    const lead = gap;
    const drift = 0.8 * (random.uniform() - 0.3);
    const phase = 2 * Math.PI * random.uniform();
    vehicle(
      along(
        street,
        drive.lane,
        (frame) =>
          drive.position(frame) +
          lead +
          drift * (frame / frameRate) * (k + 1) +
          0.8 * Math.sin(frame / frameRate / 2 + phase),
        true,
      ),
    );
    gap += 14 + 22 * random.uniform();
  }
  // Those who come towards us.
  const speed = 5 + 6 * random.uniform();
  let ahead = 12 + 20 * random.uniform();
  while (ahead < DRAW_DISTANCE + seconds * speed + drive.position(frames)) {
    const start = ahead;
    vehicle(along(street, -drive.lane, (frame) => start - speed * (frame / frameRate), false));
    ahead += 14 + 34 * random.uniform();
  }
  if (street.lanes === 4) {
    for (const lateral of [street.roadHalf * 0.27, street.roadHalf * 0.72]) {
      if (Math.abs(lateral - drive.lane) < 1) continue;
      let z = 6 + 10 * random.uniform();
      while (z < DRAW_DISTANCE) {
        const start = z;
        const pace = 0.75 + 0.5 * random.uniform();
        vehicle(along(street, lateral, (frame) => start + pace * drive.position(frame), true));
        z += 16 + 26 * random.uniform();
      }
    }
  }
  if (street.tramTrack) {
    const start = 25 + 40 * random.uniform();
    const pace = 5 + 4 * random.uniform();
    addCoach(
      scene,
      random,
      along(street, -1.5, (frame) => start + seconds * pace * 0.5 - pace * (frame / frameRate), false),
      true,
    );
    if (drive.lane > 3)
      addCoach(
        scene,
        random,
        along(street, 1.5, (frame) => 30 + 1.1 * drive.position(frame), true),
        true,
      );
  }
  // Cyclists at the road's edge.
  for (let z = 8 + 12 * random.uniform(); z < DRAW_DISTANCE; z += 18 + 40 * random.uniform()) {
    const start = z;
    const pace = 3 + 2 * random.uniform();
    const towards = random.uniform() < 0.5;
    const lateral = (towards ? -1 : 1) * (kerb - 0.7);
    const motion = along(street, lateral, (frame) => start + (towards ? -1 : 1) * pace * (frame / frameRate), !towards);
    if (random.uniform() < 0.8) addBicycle(scene, random, motion, true);
    else addMotorcycle(scene, random, motion, true);
  }
}

/** The frame in which we reach z; the clip's last where we do not. */
function arrival(drive: Drive, z: number, frames: number): number {
  for (let frame = 0; frame < frames; frame++) if (drive.position(frame) >= z) return frame;
  return frames;
}

function addPeople(scene: SceneBuilder, random: Random, street: Street, drive: Drive, frames: number): void {
  const end = drive.position(frames) + 90;
  const crowd = 2.5 + 7 * random.uniform();
  for (let z = 4; z < end; z += crowd * (0.3 + 1.4 * random.uniform())) {
    const side = random.uniform() < 0.5 ? -1 : 1;
    const lateral = side * (street.roadHalf + street.verge + 0.6 + (street.pavement - 1) * random.uniform());
    const start = z;
    if (random.uniform() < 0.25) {
      const pose = poseAt(beside(street, lateral, z), 2 * Math.PI * random.uniform());
      addPedestrian(scene, random, () => pose, 0);
      continue;
    }
    const pace = 0.9 + 0.8 * random.uniform();
    const ahead = random.uniform() < 0.5;
    addPedestrian(
      scene,
      random,
      along(street, lateral, (frame) => start + (ahead ? pace : -pace) * (frame / frameRate), ahead),
      pace,
    );
  }
  // Those who cross, on the zebras and elsewhere.
  for (const crossing of street.crossings) {
    const count = random.integer(4);
    for (let k = 0; k < count; k++) {
      const pace = 1 + 0.6 * random.uniform();
      const direction = random.uniform() < 0.5 ? -1 : 1;
      const z = crossing - street.crossingHalf - 1.5 - 1.4 * random.uniform();
      let start = direction * (-plotEdge(street) + 2 * street.roadHalf * random.uniform());
      // Nobody is walked through: who would be before us when we arrive is a few steps ahead instead.
      const met = start + (direction * pace * arrival(drive, z - 1.5, frames)) / frameRate - drive.lane;
      if (Math.abs(met) < 2.4) start += direction * 2.4 - met;
      const motion: Motion = (frame) => {
        const lateral = start + direction * pace * (frame / frameRate);
        return poseAt(beside(street, lateral, z), headingAt(street, z) + (direction * Math.PI) / 2);
      };
      addPedestrian(scene, random, motion, pace);
    }
  }
}
