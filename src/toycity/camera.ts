// The car's camera: a pinhole that drives along the street, sways, nods and shakes.
import { createRandom, deriveSeed, uniformAt } from '../tensor/random.js';
import { headingAt, middleAt, type Street, type StreetProfile } from './street.js';
import { type Pose, poseAt } from './vector.js';

/** A pinhole camera: pixel (x, y) of a point (X, Y, Z) in camera coordinates (x right, y down, z forward) is `(centerX + focal·X/Z, centerY + focal·Y/Z)`. */
export interface Camera {
  readonly width: number;
  readonly height: number;
  readonly focal: number;
  readonly centerX: number;
  readonly centerY: number;
  /** Camera → world at a frame; frames may be asked for in any order. */
  pose(frame: number): Pose;
}

/** Frames a second of a clip, as in Cityscapes' sequences. */
export const frameRate = 17;

/** How the own car drives in a clip. */
export interface Drive {
  /** z of the car at a frame. */
  position(frame: number): number;
  /** Lateral place in the street, metres right of its middle. */
  readonly lane: number;
}

/** A drive of a seed: mostly 4 to 11 m/s with gentle changes, sometimes almost standing. */
export function createDrive(seed: number, street: StreetProfile): Drive {
  const random = createRandom(deriveSeed(seed, 'drive'));
  const speed = random.uniform() < 0.12 ? 0.4 + random.uniform() : 4 + 7 * random.uniform();
  const rhythm = 2 + 3 * random.uniform();
  const phase = 2 * Math.PI * random.uniform();
  const swing = 0.35 * speed;
  const lane = street.lanes === 4 ? street.roadHalf * (random.uniform() < 0.5 ? 0.27 : 0.72) : street.roadHalf * 0.45;
  return {
    lane,
    position(frame) {
      const time = frame / frameRate;
      // The integral of speed + swing·cos(time/rhythm + phase).
      return speed * time + swing * rhythm * (Math.sin(time / rhythm + phase) - Math.sin(phase));
    },
  };
}

/** The camera of a seed on that drive. */
export function createCamera(seed: number, width: number, height: number, street: Street, drive: Drive): Camera {
  const random = createRandom(deriveSeed(seed, 'camera'));
  const eye = 1.25 + 0.3 * random.uniform();
  const tilt = 0.005 + 0.03 * random.uniform();
  const shake = 0.0005 + 0.0012 * random.uniform();
  const [phaseA, phaseB, phaseC] = [0, 1, 2].map(() => 2 * Math.PI * random.uniform());
  const shakeSeed = deriveSeed(seed, 'shake');
  return {
    width,
    height,
    focal: (0.78 + 0.16 * random.uniform()) * Math.max(width, 1.5 * height),
    centerX: (width - 1) / 2,
    centerY: (height - 1) * (0.44 + 0.05 * random.uniform()),
    pose(frame) {
      const time = frame / frameRate;
      const z = drive.position(frame);
      const jolt = (k: number) => shake * (2 * uniformAt(shakeSeed, 4 * (frame + 8) + k) - 1);
      const sway = 0.25 * Math.sin(0.7 * time + phaseA);
      const x = middleAt(street, z) + drive.lane + sway;
      const y = eye + 0.025 * Math.sin(7.3 * time + phaseB) + 4 * jolt(3);
      const yaw = headingAt(street, z + 4) + 0.02 * Math.sin(0.9 * time + phaseC) + jolt(0);
      const pitch = tilt + 0.006 * Math.sin(6.1 * time + phaseB) + 2 * jolt(1);
      const roll = 0.006 * Math.sin(1.3 * time + phaseA) + jolt(2);
      const pose = poseAt([x, y, z], yaw, pitch, roll);
      // Camera y points down: the second column of the rotation changes its sign.
      for (const k of [1, 5, 9]) pose[k] = -pose[k];
      return pose;
    },
  };
}
