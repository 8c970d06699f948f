// Neighbouring samples of a row that see the same primitive. They are placed, painted and lit together, so that what is
// the same for all of them is looked up once.

/** Where a strip's samples lie and what they look like; entries at and after `count` are left over from other strips. */
export interface Strip {
  count: number;
  /** Sample columns. */
  readonly columns: Int32Array;
  /** Distance along the view axis, and place in the world, in metres. */
  readonly depth: Float64Array;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  /** Texture coordinates, and what a sample covers, in metres. On the ground: metres right of the street's middle, and from a crossing's. */
  readonly u: Float64Array;
  readonly v: Float64Array;
  readonly footprint: Float64Array;
  /** Cosines between the normal and the sun's direction (0 where turned away), and between the normal and up. */
  readonly sun: Float64Array;
  readonly up: Float64Array;
  /** Reflectance, and the share of the horizon's light that is mirrored. */
  readonly red: Float64Array;
  readonly green: Float64Array;
  readonly blue: Float64Array;
  readonly mirror: Float64Array;
  /** On the ground: what it is there (`groundKinds`), and its coarse and fine noise. */
  readonly kind: Uint8Array;
  readonly coarse: Float64Array;
  readonly fine: Float64Array;
}

/** Strips of at most `columns` samples. */
export function createStrip(columns: number): Strip {
  const numbers = () => new Float64Array(columns);
  return {
    count: 0,
    columns: new Int32Array(columns),
    depth: numbers(),
    x: numbers(),
    y: numbers(),
    z: numbers(),
    u: numbers(),
    v: numbers(),
    footprint: numbers(),
    sun: numbers(),
    up: numbers(),
    red: numbers(),
    green: numbers(),
    blue: numbers(),
    mirror: numbers(),
    kind: new Uint8Array(columns),
    coarse: numbers(),
    fine: numbers(),
  };
}
