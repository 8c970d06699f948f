// How far weights may go from the original's towards the trained ones: less far where a network must not forget.

/**
 * Frames from which on the weights may go all of the way. On less video the network forgets what that does not show, which none of
 * its frames can tell: ESPNet on 30 frames of a drive, all of the way, lost 6 points of mIoU on the rest of it, two fifths none.
 */
export const muchVideo = 80;
/**
 * The part of much video that little counts as at least, and few large frames at most; frames larger than 360×480 show more and count
 * more, up to three times.
 */
const [leastVideo, mostOfLarge, mostCounted, usualPixels] = [0.4, 0.6, 3, 360 * 480];
/**
 * How far at most where the network is for use elsewhere, too: alone, and where it was held to other video meanwhile. What is lost
 * elsewhere grows with the square of the way, what is won here does not. Alone it is chosen so that places of which the network never
 * saw labels lose less than a point of mIoU; those of its own training, which it knows by heart, lose about twice that.
 */
const reachOfGeneral = { alone: 0.34, held: 0.47 } as const;

/** What decides how far weights go. */
export interface ReachOptions {
  readonly frames: number;
  /** Of a frame. */
  readonly pixels: number;
  /** Whether labels judge, which tell what little video does to a network there, not what is lost elsewhere. */
  readonly labelled: boolean;
  /** Whether it is for use elsewhere, too. */
  readonly general: boolean;
  /** Whether it was held to frames of elsewhere. */
  readonly held: boolean;
}

/** The part of the way that is taken at most. */
export function reachOf({ frames, pixels, labelled, general, held }: ReachOptions): number {
  const ofLarge = Math.min(mostOfLarge, (frames * Math.min(mostCounted, pixels / usualPixels)) / muchVideo);
  const video = Math.min(1, Math.max(leastVideo, ofLarge, frames / muchVideo));
  const here = labelled ? 1 : video;
  return general ? Math.min(here, reachOfGeneral[held ? 'held' : 'alone']) : here;
}
