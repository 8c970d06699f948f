// Renders a clip of the toy city: pictures with exact labels, exact flow and what is hidden, any frame at any time.
import { UsageError } from '../base/errors.js';
import type { LabelMap, RgbImage } from '../media/image.js';
import { deriveSeed } from '../tensor/random.js';
import { createCamera, createDrive } from './camera.js';
import { createCity, DRAW_DISTANCE } from './city.js';
import { createLighting } from './lighting.js';
import { type FrameMotion, motionBetween } from './motion.js';
import { createNoise } from './noise.js';
import { blurAlong, createSensorTables, expose, resolve } from './sensor.js';
import { createPainter, shadeView } from './shade.js';
import { createShadowBuffer, drawShadows } from './shadow.js';
import { createProfile, createStreet, groundKindAt, groundTrainIds } from './street.js';
import { createViewBuffers, drawView, planSamples, type View, type ViewBuffers } from './view.js';

/** Frames of one clip at most: the street is laid out for the whole drive, some kilometres. */
export const MAX_CLIP_FRAMES = 10_000;
/** Pixels of a side at most, and at least: buffers grow with four samples a pixel. */
export const MAX_CLIP_SIDE = 4096;
export const MIN_CLIP_SIDE = 16;

/** A clip of the toy city. */
export interface ClipOptions {
  /** Everything in the clip follows from it. */
  readonly seed: number;
  readonly frames: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** Share of a frame's time that the shutter is open, 0..1; 0 (the default) is a sharp picture. */
  readonly motionBlur?: number;
}

/** A rendered frame t. */
export interface ClipFrame {
  readonly image: RgbImage;
  /** Cityscapes train ids at pixel centres; 255 on things that belong to no class (bins, boxes). */
  readonly labels: LabelMap;
  /** Flow t→t+1 and what of t is hidden in t+1; also for the last frame, whose successor exists but is not part of the clip. */
  readonly toNext?: FrameMotion;
  /** Flow t→t-1 and what of t is hidden in t-1. */
  readonly toPrevious?: FrameMotion;
}

/** Which motions to work out with a frame; neither by default. */
export interface FrameWants {
  readonly toNext?: boolean;
  readonly toPrevious?: boolean;
}

/** Renders the frames of one clip, in any order. */
export interface ClipRenderer {
  readonly options: ClipOptions;
  /** Renders frame t (0..frames-1). The result depends on the options and t only, not on what was rendered before. */
  frame(t: number, wants?: FrameWants): ClipFrame;
  /** Flow from frame t to any other frame of the clip, and what of t is hidden there. */
  motion(t: number, other: number): FrameMotion;
}

/** @throws UsageError for sizes or counts out of range. */
export function checkClipOptions({ frames, height, width, motionBlur = 0 }: ClipOptions): void {
  for (const [name, side] of [
    ['height', height],
    ['width', width],
  ] as const) {
    if (!Number.isInteger(side) || side < MIN_CLIP_SIDE || side > MAX_CLIP_SIDE) {
      throw new UsageError(
        `toy city: expected a ${name} of ${MIN_CLIP_SIDE} to ${MAX_CLIP_SIDE} pixels, found ${side}`,
      );
    }
  }
  if (!Number.isInteger(frames) || frames < 1 || frames > MAX_CLIP_FRAMES) {
    throw new UsageError(`toy city: expected 1 to ${MAX_CLIP_FRAMES} frames a clip, found ${frames}`);
  }
  if (!(motionBlur >= 0 && motionBlur <= 1))
    throw new UsageError(`toy city: expected a motion blur of 0 to 1, found ${motionBlur}`);
}

/**
 * Builds the city of a seed and gives a renderer for its frames.
 * @throws UsageError for sizes or counts out of range.
 */
export function createClipRenderer(options: ClipOptions): ClipRenderer {
  checkClipOptions(options);
  const { seed, frames, height, width, motionBlur = 0 } = options;
  const profile = createProfile(seed);
  const drive = createDrive(seed, profile);
  const street = createStreet(seed, profile, -30, drive.position(frames) + DRAW_DISTANCE);
  const scene = createCity(seed, street, drive, frames);
  const camera = createCamera(seed, width, height, street, drive);
  const lighting = createLighting(seed);
  const noise = createNoise(7);
  const trainIds = Uint8Array.from(scene.primitives, (primitive) => primitive.trainId);
  const painter = createPainter(scene, street, noise, 2 * width + 1);
  const tables = createSensorTables();
  const shadowBuffer = createShadowBuffer();
  const samples = (2 * width + 1) * (2 * height + 1);
  const colors = new Float32Array(samples * 3);
  const pixels = new Float32Array(width * height * 3);
  const plan = { needed: new Uint8Array(samples), flat: new Uint8Array(width * height) };

  // A frame and its neighbours are looked at together; older views hand their buffers on.
  const views = new Map<number, View>();
  const viewOf = (t: number): View => {
    const known = views.get(t);
    if (known) {
      views.delete(t);
      views.set(t, known);
      return known;
    }
    let buffers: ViewBuffers | undefined;
    if (views.size >= 4) {
      const [oldest] = views;
      views.delete(oldest[0]);
      buffers = oldest[1];
    }
    const view = drawView(
      scene,
      camera,
      t,
      noise,
      buffers ?? createViewBuffers(width, height, scene.primitives.length),
    );
    views.set(t, view);
    return view;
  };

  const motion = (t: number, other: number) => motionBetween(scene, viewOf(t), viewOf(other));
  return {
    options,
    motion,
    frame(t, wants = {}) {
      const view = viewOf(t);
      const light = lighting(t);
      const shadows = drawShadows(scene, view.bodyToWorld, view.cameraToWorld, light.sun, shadowBuffer);
      planSamples(view, plan);
      shadeView(painter, view, light, shadows, plan.needed, colors);
      const toNext = wants.toNext || motionBlur > 0 ? motion(t, t + 1) : undefined;
      const toPrevious = wants.toPrevious ? motion(t, t - 1) : undefined;
      resolve(colors, plan.flat, width, height, pixels);
      const exposed = toNext && motionBlur > 0 ? blurAlong(pixels, toNext.flow, motionBlur) : pixels;
      const image = expose(tables, exposed, width, height, light, deriveSeed(seed, 'noise', t));
      const labels = labelsOf(view);
      return { image, labels, ...(toNext && wants.toNext ? { toNext } : {}), ...(toPrevious ? { toPrevious } : {}) };
    },
  };

  function labelsOf(view: View): LabelMap {
    const sky = 10;
    const world = view.cameraToWorld;
    const data = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
      const gy = 2 * y + 1;
      const ry = gy * view.step + view.rayY;
      for (let x = 0; x < width; x++) {
        const gx = 2 * x + 1;
        const sample = gy * view.columns + gx;
        const index = view.primitive[sample];
        if (index > 0) data[y * width + x] = trainIds[index];
        else if (index < 0) data[y * width + x] = sky;
        else {
          // The ground is one face; what it is follows from the place.
          const z = 1 / view.inverseDepth[sample];
          const rx = gx * view.step + view.rayX;
          const worldX = (world[0] * rx + world[1] * ry + world[2]) * z + world[3];
          const worldZ = (world[8] * rx + world[9] * ry + world[10]) * z + world[11];
          data[y * width + x] = groundTrainIds[groundKindAt(street, worldX, worldZ)];
        }
      }
    }
    return { width, height, data };
  }
}

/** Renders a clip frame by frame, with motion in both directions. */
export function* renderClip(options: ClipOptions): Generator<ClipFrame> {
  const renderer = createClipRenderer(options);
  for (let t = 0; t < options.frames; t++) yield renderer.frame(t, { toNext: true, toPrevious: true });
}
