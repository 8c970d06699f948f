// What every source of optical flow offers: the flow between two neighbouring frames, in both directions.
import type { OpticalFlow, RgbImage } from '../media/image.js';

/** A frame as flow sources see it. Use one object for a frame in both of its pairs: what is derived from it is kept by object. */
export interface FlowFrame {
  /** Name of the frame, for errors and for flow that lies in files. */
  readonly stem: string;
  /** Its colours. Called only when they are needed (not for flow from a folder or a cache), perhaps several times: decode once. */
  image(): Promise<RgbImage>;
  /** The picture file, where `image()` is nothing but its decoding: a cache then knows the frame by the file's bytes, undecoded. */
  readonly path?: string | undefined;
}

/** Frame t and the one that follows it. */
export interface FramePair {
  readonly first: FlowFrame;
  readonly second: FlowFrame;
}

/** `forward`: from t to t+1, on the pixels of t. `backward`: from t+1 to t, on the pixels of t+1. */
export type FlowDirection = 'forward' | 'backward';

/** Where optical flow comes from: computed, or read from files. */
export interface FlowSource {
  /** What made the flow, with its parameters; it goes into results and cache keys. */
  readonly name: string;
  /** The folder it reads flow from, where it does. */
  readonly folder?: string | undefined;
  /** How many calls of `flow` are worth having under way at the same time. */
  readonly concurrency: number;
  /**
   * The flow of a pair in pixels, at the frames' size; a new object each time, which belongs to the caller.
   * @throws SteadysegError naming the frame when it cannot be had.
   */
  flow(pair: FramePair, direction: FlowDirection): Promise<OpticalFlow>;
  /** Refuses, before any work, when the flow of one of these first frames cannot be had; computing sources always can. */
  check(firstStems: readonly string[], directions: readonly FlowDirection[]): Promise<void>;
  /** Ends threads and frees memory; nothing can be asked afterwards. */
  close(): Promise<void>;
}

/** A frame that decodes at most once, when its colours are first needed. */
export function flowFrame(stem: string, load: () => Promise<RgbImage>, path?: string): FlowFrame {
  let image: Promise<RgbImage> | undefined;
  return {
    stem,
    path,
    image() {
      image ??= load();
      return image;
    },
  };
}

/** The two frames in the order that a direction goes. */
export function orderedFrames(pair: FramePair, direction: FlowDirection): [from: FlowFrame, to: FlowFrame] {
  return direction === 'forward' ? [pair.first, pair.second] : [pair.second, pair.first];
}
