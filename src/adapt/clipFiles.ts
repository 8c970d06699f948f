// What is known of a clip that a network is adapted to, and its files: on disk, so that memory does not grow with the video.
import { openRecords } from '#records';
import type { Size } from '../media/image.js';
import type { Records } from './records.js';

/** What is kept of each frame; files of records of one size. */
export interface ClipFiles {
  /** 3×H×W, RGB. */
  readonly frames: Records;
  /** H×W×C, of the network as it came. */
  readonly probabilities: Records;
  /** H×W×2 float32: t → t+1 and t+1 → t, under t. */
  readonly forward: Records;
  readonly backward: Records;
  /** H×W: 255 where frame t+1 does not show the point, under t. */
  readonly hidden: Records;
  /** H×W×C and H×W: the sharpened consensus and its classes. */
  readonly targets: Records;
  readonly consensus: Records;
  /** H×W: how much its pixels count. */
  readonly pixelWeights: Records;
  /** H×W×C: the targets of the second round. */
  readonly renewed: Records;
}

/** Frames by number over all sources: from the first to that before the last. */
export interface FrameRange {
  readonly from: number;
  readonly to: number;
}

/** A clip as training and judging see it. */
export interface PreparedClip extends Size {
  readonly classes: number;
  /** Frames in all. */
  readonly count: number;
  /** Their names. */
  readonly stems: readonly string[];
  /** Indices t of pairs (t, t+1) of one shot. */
  readonly pairs: readonly number[];
  /** Pairs of neighbouring frames that belong to two shots. */
  readonly cuts: readonly number[];
  /** Of Q, summed by class. */
  readonly targetSums: readonly number[];
  /** What Q is multiplied by before it is brought to sum 1 again; nothing by default. */
  readonly targetFactors?: readonly number[] | undefined;
  /** Where the files are. */
  readonly folder: string;
  readonly files: ClipFiles;
}

export async function openClipFiles(folder: string, { height, width }: Size, classes: number): Promise<ClipFiles> {
  const pixels = height * width;
  const records = (name: string, bytes: number) => openRecords(folder, name, bytes * pixels);
  return {
    frames: await records('frames', 3),
    probabilities: await records('probabilities', classes),
    forward: await records('forward', 8),
    backward: await records('backward', 8),
    hidden: await records('hidden', 1),
    targets: await records('targets', classes),
    consensus: await records('consensus', 1),
    pixelWeights: await records('pixelWeights', 1),
    renewed: await records('renewed', classes),
  };
}

export async function closeClipFiles(files: ClipFiles): Promise<void> {
  for (const records of Object.values(files) as Records[]) await records.close();
}
