// What the demo shows: its two networks, and clips fixed before any network was trained, so that nobody could choose seeds that flatter one.
import type { ClipOptions } from '../toycity/render.js';

/** Size of every frame in pixels. */
const size = { height: 256, width: 512 };

/** Frames of each measured clip, and of the clip that is shown: three seconds. */
const MEASURED_FRAMES = 10;
const SHOWN_FRAMES = 51;

/** Seeds of the streets that are measured. `toycity` derives the seeds of its clips, so no training set holds these. */
export const heldSeeds: readonly number[] = [70_001, 70_002, 70_003, 70_004, 70_005, 70_006, 70_007, 70_008];
/** The seed of the street that the videos show. */
export const shownSeed = 70_101;

/** The clips that are measured. */
export const heldClips: readonly ClipOptions[] = heldSeeds.map((seed) => ({ seed, frames: MEASURED_FRAMES, ...size }));
/** The clip of the videos. */
export const shownClip: ClipOptions = { seed: shownSeed, frames: SHOWN_FRAMES, ...size };

/** Names of the two networks in tables and pictures. */
export const demoNetworks = ['each frame alone', 'steady'] as const;
