// The plan of a street: where road, pavement and grass lie, as a function of world x and z.
import { createRandom, deriveSeed } from '../tensor/random.js';

/** What the ground is at a place; the train id of each is `groundTrainIds[kind]`. */
export const groundKinds = { road: 0, pavement: 1, grass: 2, gravel: 3 } as const;
/** Train ids of road, sidewalk, terrain, terrain. */
export const groundTrainIds = Uint8Array.of(0, 1, 9, 9);

/** What a side of the street is lined with over a stretch. */
export type Zone = 'houses' | 'towers' | 'park' | 'wall' | 'gardens' | 'square';
const zones: readonly Zone[] = ['houses', 'towers', 'park', 'wall', 'gardens', 'square'];

/** A stretch of one side between two crossings. */
export interface Block {
  /** -1 left, 1 right. */
  readonly side: number;
  readonly from: number;
  readonly to: number;
  readonly zone: Zone;
}

/** A street's cross section and surface, the same all along it; lengths in metres. */
export interface StreetProfile {
  /** Half the carriageway, and what follows outwards. */
  readonly roadHalf: number;
  readonly verge: number;
  readonly pavement: number;
  readonly lanes: 2 | 4;
  readonly tramTrack: boolean;
  /** Half the width of the streets that cross it. */
  readonly crossingHalf: number;
  /** Pavement looks like the road where 1, slabs where 0. */
  readonly asphaltPavement: number;
  /** Brightness of the road, and of slabs. */
  readonly roadTone: number;
  readonly slabTone: number;
}

/** The street runs along z; all lengths in metres. */
export interface Street extends StreetProfile {
  readonly from: number;
  readonly to: number;
  /** z of the crossings' middles. */
  readonly crossings: readonly number[];
  readonly blocks: readonly Block[];
  readonly seed: number;
  /** x of the street's middle, every half metre from `from`. */
  readonly middle: Float64Array;
}

/** The cross section of a seed. */
export function createProfile(seed: number): StreetProfile {
  const random = createRandom(deriveSeed(seed, 'profile'));
  const lanes = random.uniform() < 0.3 ? 4 : 2;
  const tramTrack = random.uniform() < 0.3;
  return {
    lanes,
    tramTrack,
    roadHalf: lanes === 4 ? 6.6 + random.uniform() : 3.6 + 1.6 * random.uniform() + (tramTrack ? 1 : 0),
    verge: random.uniform() < 0.35 ? 1 + random.uniform() : 0,
    pavement: 2 + 2.4 * random.uniform(),
    crossingHalf: 3.4 + 1.5 * random.uniform(),
    asphaltPavement: random.uniform() < 0.3 ? 1 : 0,
    roadTone: 0.09 + 0.09 * random.uniform(),
    slabTone: 0.16 + 0.16 * random.uniform(),
  };
}

/** A street of a seed and cross section that is laid out between two z. */
export function createStreet(seed: number, profile: StreetProfile, from: number, to: number): Street {
  const random = createRandom(deriveSeed(seed, 'street'));
  const { crossingHalf, pavement } = profile;
  const bend = 7 * (2 * random.uniform() - 1);
  const length = 130 + 120 * random.uniform();
  const phase = 2 * Math.PI * random.uniform();
  const steps = Math.ceil((to - from) * 2) + 2;
  const middle = Float64Array.from({ length: steps }, (_, i) => {
    const z = from + i / 2;
    return bend * Math.sin((2 * Math.PI * z) / length + phase) + 0.3 * bend * Math.sin((2 * Math.PI * z) / 61);
  });
  const crossings: number[] = [];
  for (let z = from + 30 + 50 * random.uniform(); z < to - 20; z += 55 + 60 * random.uniform()) crossings.push(z);
  const blocks: Block[] = [];
  const gap = crossingHalf + pavement;
  const ends = [from - gap, ...crossings, to + gap];
  for (const side of [-1, 1]) {
    for (let k = 0; k + 1 < ends.length; k++) {
      // Long blocks change their zone half way.
      const [start, end] = [ends[k] + gap, ends[k + 1] - gap];
      const parts = end - start > 60 ? 2 : 1;
      for (let part = 0; part < parts; part++) {
        const zone = random.uniform() < 0.5 ? zones[random.integer(2)] : zones[random.integer(zones.length)];
        blocks.push({
          side,
          from: start + ((end - start) * part) / parts,
          to: start + ((end - start) * (part + 1)) / parts,
          zone,
        });
      }
    }
  }
  return { ...profile, from, to, crossings, blocks, seed: deriveSeed(seed, 'ground') & 0xffff, middle };
}

/** x of the street's middle at z; straight on beyond the plan. */
export function middleAt(street: Street, z: number): number {
  const at = (z - street.from) * 2;
  const last = street.middle.length - 1;
  if (at <= 0) return street.middle[0];
  if (at >= last) return street.middle[last];
  const i = Math.floor(at) | 0;
  return street.middle[i] + (street.middle[i + 1] - street.middle[i]) * (at - i);
}

/** Heading of the street at z: the angle of its tangent from the z axis, positive to the right. */
export function headingAt(street: Street, z: number): number {
  return Math.atan2(middleAt(street, z + 1) - middleAt(street, z - 1), 2);
}

/** Distance in z to the nearest crossing's middle. */
export function crossingDistance(street: Street, z: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (let k = 0; k < street.crossings.length; k++) {
    const distance = Math.abs(z - street.crossings[k]);
    if (distance < nearest) nearest = distance;
  }
  return nearest;
}

/** What the ground is at (x, z): one of `groundKinds`. */
export function groundKindAt(street: Street, x: number, z: number): number {
  return groundKindBeside(street, x - middleAt(street, z), crossingDistance(street, z), z);
}

/** The same where the distances from the street's middle (positive to the right) and to the nearest crossing are known. */
export function groundKindBeside(street: Street, lateral: number, crossing: number, z: number): number {
  const away = Math.abs(lateral);
  if (away < street.roadHalf) return groundKinds.road;
  if (crossing < street.crossingHalf) return groundKinds.road;
  if (crossing < street.crossingHalf + street.pavement) return groundKinds.pavement;
  if (away < street.roadHalf + street.verge) return groundKinds.grass;
  if (away < street.roadHalf + street.verge + street.pavement) return groundKinds.pavement;
  const zone = zoneAt(street, lateral < 0 ? -1 : 1, z);
  if (zone === 'park' || zone === 'gardens') return groundKinds.grass;
  if (zone === 'wall') return groundKinds.gravel;
  return groundKinds.pavement;
}

function zoneAt(street: Street, side: number, z: number): Zone | undefined {
  for (let k = 0; k < street.blocks.length; k++) {
    const block = street.blocks[k];
    if (block.side === side && z >= block.from && z < block.to) return block.zone;
  }
  return undefined;
}
