// Cars, vans, lorries, buses, trams, and the wheels they stand on.
import type { Random } from '../tensor/random.js';
import { glass, hoarding, lamp, linear, paint, plain, wheel } from './materials.js';
import { addBox, addExtrusion, addInset, allFaces, type FaceLook, type Motion, type SceneBuilder } from './scene.js';
import { scale, type Vector3 } from './vector.js';

const trainId = { car: 13, truck: 14, bus: 15, train: 16 } as const;
const carColors = [
  0x1d2126, 0xe9ebec, 0x9ba1a6, 0x5c6268, 0x7c1c1e, 0x1f3a66, 0x28414f, 0xb8b0a0, 0x385340, 0xc8ccd0, 0xa33b22,
  0x3b3633,
];
const tyre = plain(linear(0x161616), 0.1);

function carColor(random: Random): Vector3 {
  return linear(carColors[random.integer(carColors.length)]);
}

/** Wheels at heights of their radius: `axles` are z, `half` the vehicle's half width. */
function addWheels(
  scene: SceneBuilder,
  body: number,
  id: number,
  axles: readonly number[],
  half: number,
  radius: number,
): void {
  for (const z of axles) {
    for (const side of [-1, 1]) {
      const rim = Array.from({ length: 12 }, (_, k): Vector3 => {
        const angle = (Math.PI * k) / 6;
        return [side * (half + 0.03), radius + radius * Math.cos(angle), z + radius * Math.sin(angle)];
      });
      scene.face(rim, [0, radius, z], {
        body,
        material: wheel(radius),
        trainId: id,
        origin: [side * half, radius, z],
        castsShadow: false,
      });
      // The tread, seen from the front and behind.
      const tread: FaceLook = { body, material: tyre, trainId: id };
      const inner = side * (half - 0.2);
      const outer = side * (half + 0.02);
      addBox(
        scene,
        [Math.min(inner, outer), radius * 0.08, z - radius * 0.45],
        [Math.max(inner, outer), radius * 1.5, z + radius * 0.45],
        { front: tread, back: tread, bottom: tread },
      );
    }
  }
}

/** Lights and number plates at both ends. */
function addEnds(
  scene: SceneBuilder,
  body: number,
  id: number,
  half: number,
  low: number,
  front: number,
  back: number,
): void {
  const white: FaceLook = { body, material: lamp([0.9, 0.88, 0.8]), trainId: id, castsShadow: false };
  const red: FaceLook = { body, material: lamp([0.42, 0.02, 0.02]), trainId: id, castsShadow: false };
  const plate: FaceLook = { body, material: plain([0.7, 0.7, 0.66], 0.1), trainId: id, castsShadow: false };
  const dark: FaceLook = { body, material: plain([0.02, 0.02, 0.02], 0.1), trainId: id, castsShadow: false };
  for (const side of [-1, 1]) {
    const [a, b] = [side * half * 0.62, side * half * 0.95];
    addBox(scene, [Math.min(a, b), low + 0.27, front], [Math.max(a, b), low + 0.42, front + 0.03], { front: white });
    addBox(scene, [Math.min(a, b), low + 0.3, back - 0.03], [Math.max(a, b), low + 0.48, back], { back: red });
  }
  addBox(scene, [-0.26, low + 0.1, back - 0.025], [0.26, low + 0.22, back], { back: plate });
  addBox(scene, [-0.26, low + 0.05, front], [0.26, low + 0.16, front + 0.025], { front: plate });
  addBox(scene, [-half * 0.5, low + 0.2, front], [half * 0.5, low + 0.38, front + 0.02], { front: dark });
}

/** A passenger car, estate or van about its ground point; the front looks along z. */
export function addCar(scene: SceneBuilder, random: Random, motion: Motion): void {
  const body = scene.body(motion);
  const color = carColor(random);
  const id = trainId.car;
  const shell: FaceLook = { body, material: paint(color), trainId: id };
  const under: FaceLook = { body, material: plain([0.012, 0.012, 0.012], 0.1), trainId: id };
  const half = 0.84 + 0.08 * random.uniform();
  const drawn = random.uniform();
  const form = drawn < 0.45 ? 'saloon' : drawn < 0.75 ? 'hatchback' : drawn < 0.9 ? 'tall' : 'van';
  const long = { saloon: 2.25, hatchback: 1.95, tall: 2.2, van: 2.5 }[form] * (0.96 + 0.08 * random.uniform());
  const waist = { saloon: 0.9, hatchback: 0.92, tall: 1.05, van: 1.1 }[form];
  const roof = { saloon: 1.43, hatchback: 1.48, tall: 1.72, van: 2 }[form];
  const hood = { saloon: 0.78, hatchback: 0.82, tall: 0.98, van: 1.05 }[form];
  const low = 0.24;
  addExtrusion(
    scene,
    [
      [-long, low + 0.1],
      [-long + 0.12, low],
      [long - 0.12, low],
      [long, low + 0.1],
      [long, hood - 0.12],
      [long - 0.15, hood],
      [0.35 * long, waist],
      [-long + 0.1, waist],
      [-long, waist - 0.12],
    ],
    () => half,
    (edge) => (edge === 1 ? under : shell),
    shell,
  );
  const cabin: readonly (readonly [number, number])[] = {
    saloon: [
      [-0.72 * long, waist],
      [0.42 * long, waist],
      [0.08 * long, roof],
      [-0.42 * long, roof],
    ] as const,
    hatchback: [
      [-0.94 * long, waist],
      [0.45 * long, waist],
      [0.08 * long, roof],
      [-0.74 * long, roof],
    ] as const,
    tall: [
      [-0.96 * long, waist],
      [0.5 * long, waist],
      [0.18 * long, roof],
      [-0.88 * long, roof],
    ] as const,
    van: [
      [-0.98 * long, waist],
      [0.68 * long, waist],
      [0.42 * long, roof],
      [-0.96 * long, roof],
    ] as const,
  }[form];
  const taper = form === 'van' ? 0.08 : 0.2;
  const widthAt = (y: number) => half - 0.03 - (taper * (y - waist)) / (roof - waist);
  const top = addExtrusion(scene, cabin, widthAt, (edge) => (edge === 0 ? undefined : shell), shell);
  const pane: FaceLook = { body, material: glass, trainId: id };
  for (const edge of [1, 3]) {
    const face = top.strip[edge];
    if (face && !(form === 'van' && edge === 3)) addInset(scene, face, 0.86, 0.012, pane);
  }
  if (form !== 'van') for (const face of [top.left, top.right]) addInset(scene, face, 0.8, 0.012, pane);
  addWheels(scene, body, id, [-0.6 * long, 0.62 * long], half, 0.31);
  addEnds(scene, body, id, half, low + 0.12, long, -long);
}

/** A lorry: a cab and a box, whose sides can look like a wall. */
export function addTruck(scene: SceneBuilder, random: Random, motion: Motion): void {
  const body = scene.body(motion);
  const id = trainId.truck;
  const cab: FaceLook = { body, material: paint(carColor(random)), trainId: id };
  const half = 1.15;
  const long = 3.2 + 1.6 * random.uniform();
  const tone = scale(linear([0xd8d5cc, 0xc0a888, 0x9aa7b0, 0xb56a50][random.integer(4)]), 0.9);
  const box: FaceLook = {
    body,
    material: random.uniform() < 0.4 ? hoarding(tone, carColor(random), random.integer(99)) : plain(tone, 0.08, 10),
    trainId: id,
  };
  const frame: FaceLook = { body, material: plain([0.02, 0.02, 0.02], 0.1), trainId: id };
  addBox(scene, [-half, 1, -long], [half, 3.4, long - 2], allFaces(box));
  addBox(scene, [-0.5, 0.5, -long + 0.1], [0.5, 1, long - 0.3], allFaces(frame));
  const front = addExtrusion(
    scene,
    [
      [long - 1.9, 0.45],
      [long, 0.45],
      [long, 1.5],
      [long - 0.25, 2.75],
      [long - 1.9, 2.85],
    ],
    () => half - 0.05,
    () => cab,
    cab,
  );
  const pane: FaceLook = { body, material: glass, trainId: id };
  const shield = front.strip[2];
  if (shield) addInset(scene, shield, 0.84, 0.012, pane);
  for (const side of [-1, 1]) {
    const x = side * (half - 0.03);
    const points: Vector3[] = [
      [x, 1.6, long - 1.5],
      [x, 1.6, long - 0.15],
      [x, 2.5, long - 0.35],
      [x, 2.5, long - 1.5],
    ];
    scene.face(points, [0, 2, long - 1], { ...pane, castsShadow: false });
  }
  addWheels(scene, body, id, [-long + 1, -long + 2, long - 1], half, 0.48);
  addEnds(scene, body, id, half - 0.05, 0.45, long, -long);
}

/** A long vehicle with a band of windows: a bus, or a tram (whose train id is `train`). */
export function addCoach(scene: SceneBuilder, random: Random, motion: Motion, tram: boolean): void {
  const body = scene.body(motion);
  const id = tram ? trainId.train : trainId.bus;
  const color = linear(
    tram
      ? [0xc9a227, 0xb8342a, 0x2a6a4a, 0xd8d8d0][random.integer(4)]
      : [0xb0302a, 0xd9d6c8, 0x2f5b8a, 0xc9a94a, 0x7a8a5a][random.integer(5)],
  );
  const long = tram ? 9 + 3 * random.uniform() : 5.4 + random.uniform();
  const half = 1.24;
  const low = tram ? 0.2 : 0.32;
  const top = tram ? 3.35 : 3.05;
  const shell: FaceLook = { body, material: paint(color), trainId: id };
  const under: FaceLook = { body, material: plain([0.015, 0.015, 0.015], 0.1), trainId: id };
  addBox(scene, [-half, low, -long], [half, top, long], { ...allFaces(shell), bottom: under });
  const pane: FaceLook = { body, material: glass, trainId: id, castsShadow: false };
  const accent: FaceLook = { body, material: paint(scale(color, 0.35)), trainId: id, castsShadow: false };
  const bay = 1.5;
  const bays = Math.floor((2 * long - 0.8) / bay);
  for (const side of [-1, 1]) {
    const x = side * (half + 0.012);
    const panel = (z0: number, z1: number, y0: number, y1: number, look: FaceLook) =>
      scene.face([[x, y0, z0], [x, y0, z1], [x, y1, z1], [x, y1, z0]], [0, y0, z0], look); // biome-ignore format: corners
    for (let k = 0; k < bays; k++) {
      const z0 = -long + 0.5 + k * bay;
      const door = k % 4 === 2 && side === 1;
      panel(z0, z0 + bay - 0.12, door ? low + 0.15 : 1.35, 2.5, pane);
    }
    panel(-long, long, low + 0.05, low + 0.4, accent);
  }
  addBox(scene, [-half * 0.88, 1.2, long], [half * 0.88, 2.6, long + 0.02], { front: pane });
  addBox(scene, [-half * 0.8, 1.6, -long - 0.02], [half * 0.8, 2.6, -long], { back: pane });
  addBox(scene, [-0.8, 2.68, long], [0.8, 2.95, long + 0.02], {
    front: { body, material: lamp([0.9, 0.5, 0.05]), trainId: id, castsShadow: false },
  });
  if (!tram) addWheels(scene, body, id, [-0.6 * long, 0.68 * long], half, 0.46);
  else {
    addBox(scene, [-0.9, top, -1.5], [0.9, top + 0.25, 1.5], allFaces(under));
    addBox(scene, [-half - 0.015, low, -0.25], [half + 0.015, top, 0.25], { left: under, right: under });
  }
  addEnds(scene, body, id, half, low + 0.2, long, -long);
}
