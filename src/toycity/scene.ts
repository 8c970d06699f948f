// What a toy city is made of: rigid bodies that carry flat polygons and ellipsoids, each with a material and a train id.
import type { Material } from './materials.js';
import { add, cross, dot, identityPose, normalize, type Pose, scale, subtract, type Vector3 } from './vector.js';

/** A convex planar polygon in its body's coordinates. */
export interface Polygon {
  readonly kind: 'polygon';
  readonly body: number;
  readonly material: Material;
  readonly trainId: number;
  /** Texture coordinates of a point p are `((p - origin)·uAxis, (p - origin)·vAxis)`, in metres. */
  readonly origin: Vector3;
  readonly uAxis: Vector3;
  readonly vAxis: Vector3;
  /** Unit normal, outwards. */
  readonly normal: Vector3;
  readonly points: readonly Vector3[];
  /** Visible (and lit) from both sides: sheets such as signs and leaves. */
  readonly twoSided: boolean;
  readonly castsShadow: boolean;
}

/** An ellipsoid with axes along its body's coordinates. */
export interface Ellipsoid {
  readonly kind: 'ellipsoid';
  readonly body: number;
  readonly material: Material;
  readonly trainId: number;
  readonly center: Vector3;
  readonly radii: Vector3;
  readonly castsShadow: boolean;
}

export type Primitive = Polygon | Ellipsoid;

/** Where a body is at frame t (body coordinates → world). Frames may be asked for in any order, -1 and `frames` included. */
export type Motion = (frame: number) => Pose;

/** Bodies and what they carry. Body 0 is the world, which stands still. */
export interface Scene {
  readonly motions: readonly Motion[];
  readonly primitives: readonly Primitive[];
}

/** Collects a scene piece by piece. */
export interface SceneBuilder extends Scene {
  /** Adds a body and gives its number. */
  body(motion: Motion): number;
  /** Adds a convex polygon; the normal points away from `inside`, a point behind the face. */
  face(points: readonly Vector3[], inside: Vector3, look: FaceLook): Polygon;
  /** Adds a sheet that is seen from both sides. */
  sheet(points: readonly Vector3[], look: FaceLook): Polygon;
  ellipsoid(center: Vector3, radii: Vector3, look: FaceLook): void;
}

export interface FaceLook {
  readonly body: number;
  readonly material: Material;
  readonly trainId: number;
  /** Where texture coordinates start; the first corner by default. */
  readonly origin?: Vector3;
  readonly castsShadow?: boolean;
}

export function createSceneBuilder(): SceneBuilder {
  const world = identityPose();
  const motions: Motion[] = [() => world];
  const primitives: Primitive[] = [];
  const polygon = (points: readonly Vector3[], normal: Vector3, look: FaceLook, twoSided: boolean): Polygon => {
    // u runs level along the face and v up it; on level faces u is x and v is z.
    const level = Math.abs(normal[1]) > 0.999;
    const uAxis = level ? ([1, 0, 0] as const) : normalize(cross([0, 1, 0], normal));
    const vAxis = level ? ([0, 0, 1] as const) : cross(normal, uAxis);
    const { body, material, trainId, origin = points[0], castsShadow = true } = look;
    const made: Polygon = {
      kind: 'polygon',
      body,
      material,
      trainId,
      origin,
      uAxis,
      vAxis,
      normal,
      points,
      twoSided,
      castsShadow,
    };
    primitives.push(made);
    return made;
  };
  return {
    motions,
    primitives,
    body(motion) {
      motions.push(motion);
      return motions.length - 1;
    },
    face(points, inside, look) {
      const normal = normalOf(points);
      const outward = dot(normal, subtract(points[0], inside)) >= 0 ? normal : scale(normal, -1);
      return polygon(points, outward, look, false);
    },
    sheet(points, look) {
      return polygon(points, normalOf(points), look, true);
    },
    ellipsoid(center, radii, { body, material, trainId, castsShadow = true }) {
      primitives.push({ kind: 'ellipsoid', body, material, trainId, center, radii, castsShadow });
    },
  };
}

function normalOf(points: readonly Vector3[]): Vector3 {
  return normalize(cross(subtract(points[1], points[0]), subtract(points[2], points[0])));
}

/** Looks of a box's faces; faces without one are left out. */
export interface BoxLooks {
  readonly front?: FaceLook;
  readonly back?: FaceLook;
  readonly left?: FaceLook;
  readonly right?: FaceLook;
  readonly top?: FaceLook;
  readonly bottom?: FaceLook;
}

/** The same look on all six faces. */
export function allFaces(look: FaceLook): BoxLooks {
  return { front: look, back: look, left: look, right: look, top: look, bottom: look };
}

/** A box between two corners (`low` below `high` on every axis); the front looks along +z, right along +x. */
export function addBox(scene: SceneBuilder, low: Vector3, high: Vector3, looks: BoxLooks): void {
  const center = scale(add(low, high), 0.5);
  const [x0, y0, z0] = low;
  const [x1, y1, z1] = high;
  const faces: [FaceLook | undefined, Vector3[]][] = [
    [looks.front, [[x0, y0, z1], [x1, y0, z1], [x1, y1, z1], [x0, y1, z1]]], // biome-ignore format: one face a line
    [looks.back, [[x0, y0, z0], [x1, y0, z0], [x1, y1, z0], [x0, y1, z0]]], // biome-ignore format: one face a line
    [looks.left, [[x0, y0, z0], [x0, y0, z1], [x0, y1, z1], [x0, y1, z0]]], // biome-ignore format: one face a line
    [looks.right, [[x1, y0, z0], [x1, y0, z1], [x1, y1, z1], [x1, y1, z0]]], // biome-ignore format: one face a line
    [looks.top, [[x0, y1, z0], [x1, y1, z0], [x1, y1, z1], [x0, y1, z1]]], // biome-ignore format: one face a line
    [looks.bottom, [[x0, y0, z0], [x1, y0, z0], [x1, y0, z1], [x0, y0, z1]]], // biome-ignore format: one face a line
  ];
  for (const [look, points] of faces) if (look) scene.face(points, center, look);
}

/**
 * A convex profile in the (z, y) plane, extruded across x; `halfWidth(y)` must be linear in y, so that the sides stay flat.
 * Returns the faces: the strip around the profile first, then left and right.
 */
export function addExtrusion(
  scene: SceneBuilder,
  profile: readonly (readonly [z: number, y: number])[],
  halfWidth: (y: number) => number,
  strip: (edge: number) => FaceLook | undefined,
  sides: FaceLook,
): { strip: (Polygon | undefined)[]; left: Polygon; right: Polygon } {
  const count = profile.length;
  const inside: Vector3 = [
    0,
    profile.reduce((sum, [, y]) => sum + y, 0) / count,
    profile.reduce((sum, [z]) => sum + z, 0) / count,
  ];
  const at = (side: number, [z, y]: readonly [number, number]): Vector3 => [side * halfWidth(y), y, z];
  const faces = profile.map((from, edge) => {
    const look = strip(edge);
    const to = profile[(edge + 1) % count];
    return look && scene.face([at(-1, from), at(1, from), at(1, to), at(-1, to)], inside, look);
  });
  const [left, right] = [-1, 1].map((side) =>
    scene.face(
      profile.map((point) => at(side, point)),
      inside,
      sides,
    ),
  );
  return { strip: faces, left, right };
}

/** A smaller copy of a face in front of it (windows, plates): shrunk towards its centre and lifted by `lift` metres. */
export function addInset(scene: SceneBuilder, face: Polygon, shrink: number, lift: number, look: FaceLook): Polygon {
  const sum = face.points.reduce((total, point) => add(total, point), [0, 0, 0] as Vector3);
  const center = scale(sum, 1 / face.points.length);
  const offset = scale(face.normal, lift);
  const points = face.points.map((point) => add(add(center, scale(subtract(point, center), shrink)), offset));
  return scene.face(points, subtract(center, face.normal), { castsShadow: false, ...look });
}

/** An upright prism with `sides` faces between two heights: poles, trunks, bins. */
export function addColumn(
  scene: SceneBuilder,
  [x, z]: readonly [number, number],
  [bottom, top]: readonly [number, number],
  [radiusBottom, radiusTop]: readonly [number, number],
  sides: number,
  look: FaceLook,
  cap = false,
): void {
  const around = (k: number, radius: number, y: number): Vector3 => {
    const angle = (2 * Math.PI * (k + 0.5)) / sides;
    return [x + radius * Math.sin(angle), y, z + radius * Math.cos(angle)];
  };
  const middle: Vector3 = [x, (bottom + top) / 2, z];
  const rim: Vector3[] = [];
  for (let k = 0; k < sides; k++) {
    scene.face(
      [
        around(k, radiusBottom, bottom),
        around(k + 1, radiusBottom, bottom),
        around(k + 1, radiusTop, top),
        around(k, radiusTop, top),
      ],
      middle,
      look,
    );
    rim.push(around(k, radiusTop, top));
  }
  if (cap) scene.face(rim, middle, look);
}
