// What surfaces of the toy city look like: a kind of pattern, two colours and a few numbers each.
import type { Vector3 } from './vector.js';

/** Patterns; each is painted by one branch of shade.ts. Numbers, since the painter looks them up once a sample. */
export const patterns = {
  ground: 0,
  plain: 1,
  facade: 2,
  bricks: 3,
  planks: 4,
  foliage: 5,
  paint: 6,
  glass: 7,
  sign: 8,
  lamp: 9,
  wheel: 10,
  spokes: 11,
  hoarding: 12,
} as const;

/** A surface's look; colours are linear RGB reflectances in 0..1. */
export interface Material {
  readonly pattern: number;
  readonly color: Vector3;
  readonly second: Vector3;
  /** Numbers of the pattern, at most 9; their meaning stands at the functions below. */
  readonly numbers: readonly number[];
}

const black: Vector3 = [0, 0, 0];

/** Linear RGB of an sRGB hex colour such as `0xd9c8a9`. */
export function linear(hex: number): Vector3 {
  const channel = (shift: number) => {
    const value = ((hex >> shift) & 255) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(16), channel(8), channel(0)];
}

/** The street's own pattern; ground.ts paints it. */
export const groundMaterial: Material = { pattern: patterns.ground, color: black, second: black, numbers: [] };

/** One colour with grain: `grain` is the amplitude, `density` in texels a metre. */
export function plain(color: Vector3, grain = 0.15, density = 40): Material {
  return { pattern: patterns.plain, color, second: black, numbers: [grain, density] };
}

export interface FacadeStyle {
  readonly wall: Vector3;
  readonly trim: Vector3;
  /** Height of a floor, and of the ground floor, in metres. */
  readonly floor: number;
  readonly groundFloor: number;
  /** Distance of window axes in metres, and the share of it and of the floor that the window takes. */
  readonly pitch: number;
  readonly windowWidth: number;
  readonly windowHeight: number;
  /** Bricks are drawn where it is 1. */
  readonly bricks: number;
  /** Shop windows on the ground floor where it is 1. */
  readonly shops: number;
  readonly seed: number;
}

/** A wall with rows of windows. */
export function facade(style: FacadeStyle): Material {
  return {
    pattern: patterns.facade,
    color: style.wall,
    second: style.trim,
    numbers: [
      style.floor,
      style.groundFloor,
      style.pitch,
      style.windowWidth,
      style.windowHeight,
      style.bricks,
      style.shops,
      style.seed,
    ],
  };
}

/** Bricks or blocks with joints: sizes in metres. */
export function bricks(color: Vector3, joint: Vector3, length: number, height: number): Material {
  return { pattern: patterns.bricks, color, second: joint, numbers: [length, height] };
}

/** Upright boards (or level ones, `level` 1) of a width in metres with dark gaps. */
export function planks(color: Vector3, width: number, level = 0): Material {
  return { pattern: patterns.planks, color, second: black, numbers: [width, level] };
}

/** Leaves: two greens mixed by noise, with holes where the noise is below `holes` (-1 for none). */
export function foliage(light: Vector3, dark: Vector3, holes: number, seed: number): Material {
  return { pattern: patterns.foliage, color: light, second: dark, numbers: [holes, seed] };
}

/** Glossy paint that mirrors a little sky. */
export function paint(color: Vector3): Material {
  return { pattern: patterns.paint, color, second: black, numbers: [] };
}

/** Dark glass that mirrors sky and street. */
export const glass: Material = { pattern: patterns.glass, color: [0.015, 0.018, 0.02], second: black, numbers: [] };

/** A traffic sign around its texture origin: `design` 0 limit, 1 arrow, 2 warning, 3 square, 4 stop, 5 priority, 6 direction; `half` its half size in metres. */
export function sign(design: number, half: number): Material {
  const faces: Vector3[] = [
    [0.8, 0.8, 0.8],
    [0.02, 0.12, 0.5],
    [0.8, 0.8, 0.8],
    [0.02, 0.12, 0.5],
    [0.55, 0.02, 0.02],
    [0.8, 0.8, 0.8],
    [0.85, 0.6, 0.02],
  ];
  return { pattern: patterns.sign, color: faces[design], second: [0.6, 0.02, 0.02], numbers: [design, half] };
}

/** A light: `phase` 0 red, 1 amber, 2 green of signal group `group` (it shines in its phase), -1 always on. */
export function lamp(color: Vector3, phase = -1, group = 0): Material {
  return { pattern: patterns.lamp, color, second: black, numbers: [phase, group] };
}

/** A car's wheel around its texture origin. */
export function wheel(radius: number): Material {
  return { pattern: patterns.wheel, color: linear(0x1b1b1c), second: linear(0x9a9da0), numbers: [radius] };
}

/** A bicycle's wheel around its texture origin: a tyre one can look through. */
export function spokes(radius: number): Material {
  return { pattern: patterns.spokes, color: linear(0x171717), second: black, numbers: [radius] };
}

/** A poster or a lorry's print: coloured fields. */
export function hoarding(color: Vector3, second: Vector3, seed: number): Material {
  return { pattern: patterns.hoarding, color, second, numbers: [seed] };
}
