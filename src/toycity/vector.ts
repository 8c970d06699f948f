// Vectors and rigid poses of the toy city: metres, x right, y up, z forward.

export type Vector3 = readonly [x: number, y: number, z: number];

/** A rigid (or mirrored) map `p ↦ R·p + t` as a 3×4 matrix, row-major, 12 numbers. */
export type Pose = Float64Array;

export function add(a: Vector3, b: Vector3): Vector3 {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

export function subtract(a: Vector3, b: Vector3): Vector3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function scale(a: Vector3, factor: number): Vector3 {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

export function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function normalize(a: Vector3): Vector3 {
  return scale(a, 1 / Math.hypot(a[0], a[1], a[2]));
}

/** The pose that changes nothing. */
export function identityPose(): Pose {
  return Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0);
}

/** Turns by `yaw` about y (0 looks along z, positive to the right), tips by `pitch` (positive looks down) and rolls, then moves to `position`. */
export function poseAt(position: Vector3, yaw: number, pitch = 0, roll = 0): Pose {
  const [cy, sy, cp, sp, cr, sr] = [
    Math.cos(yaw),
    Math.sin(yaw),
    Math.cos(pitch),
    Math.sin(pitch),
    Math.cos(roll),
    Math.sin(roll),
  ];
  // Ry(yaw) · Rx(pitch) · Rz(roll)
  return Float64Array.of(
    cy * cr + sy * sp * sr,
    -cy * sr + sy * sp * cr,
    sy * cp,
    position[0],
    cp * sr,
    cp * cr,
    -sp,
    position[1],
    -sy * cr + cy * sp * sr,
    sy * sr + cy * sp * cr,
    cy * cp,
    position[2],
  );
}

/** `a ∘ b`: first b, then a. */
export function compose(a: Pose, b: Pose): Pose {
  const out = new Float64Array(12);
  for (let row = 0; row < 3; row++) {
    const [a0, a1, a2] = [a[row * 4], a[row * 4 + 1], a[row * 4 + 2]];
    for (let column = 0; column < 4; column++) {
      out[row * 4 + column] = a0 * b[column] + a1 * b[4 + column] + a2 * b[8 + column];
    }
    out[row * 4 + 3] += a[row * 4 + 3];
  }
  return out;
}

/** The inverse of a map whose linear part is orthogonal. */
export function invert(a: Pose): Pose {
  const out = new Float64Array(12);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) out[row * 4 + column] = a[column * 4 + row];
    out[row * 4 + 3] = -(a[row] * a[3] + a[4 + row] * a[7] + a[8 + row] * a[11]);
  }
  return out;
}

/** The image of a point. */
export function transformPoint(a: Pose, p: Vector3): Vector3 {
  return [
    a[0] * p[0] + a[1] * p[1] + a[2] * p[2] + a[3],
    a[4] * p[0] + a[5] * p[1] + a[6] * p[2] + a[7],
    a[8] * p[0] + a[9] * p[1] + a[10] * p[2] + a[11],
  ];
}

/** The direction whose image, under a map whose linear part is orthogonal, is `p`. */
export function turnBack(a: Pose, p: Vector3): Vector3 {
  return [
    a[0] * p[0] + a[4] * p[1] + a[8] * p[2],
    a[1] * p[0] + a[5] * p[1] + a[9] * p[2],
    a[2] * p[0] + a[6] * p[1] + a[10] * p[2],
  ];
}

/** The image of a direction. */
export function transformDirection(a: Pose, p: Vector3): Vector3 {
  return [
    a[0] * p[0] + a[1] * p[1] + a[2] * p[2],
    a[4] * p[0] + a[5] * p[1] + a[6] * p[2],
    a[8] * p[0] + a[9] * p[1] + a[10] * p[2],
  ];
}
