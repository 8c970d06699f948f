// Forms the consensus of every frame of a clip, from what lies on disk of it: probabilities and flow to the next frame.
import type { OpticalFlow, Size } from '../media/image.js';
import type { FrameRange, PreparedClip } from './clipFiles.js';
import { chained, consensusOf, hiddenPixels, type Neighbour, type ProbabilityMap } from './consensus.js';
import type { Records } from './records.js';
import { regionWeights } from './regions.js';

/** Neighbours on either side that the consensus looks at (SPEC §9: K). */
export const consensusReach = 4;

/** Where the sharpened consensus goes: that of the network as it came, by which all are judged, or of the second round. */
export type ConsensusTarget = 'targets' | 'renewed';

/** What the consensus of a clip is formed of. */
export type ConsensusClip = Pick<PreparedClip, 'height' | 'width' | 'classes' | 'count' | 'pairs' | 'folder' | 'files'>;

export interface ConsensusOptions {
  readonly temperature: number;
  /** Frames whose consensus is formed; default: all. */
  readonly window?: FrameRange | undefined;
  /** Neighbours on either side; default: `consensusReach`. */
  readonly reach?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told how many are done after each frame. */
  readonly onFrame?: ((done: number) => void) | undefined;
}

/** Probabilities of a frame, H×W×C bytes; asked for once. */
export type Said = (t: number) => Promise<Uint8Array>;

/**
 * Forms the consensus of the frames and writes it; what is said of those around a frame is kept while they need it.
 * @returns the sums of Q by class.
 * @throws SteadysegError for records that cannot be read or written; the reason of the signal.
 */
export async function formConsensus(
  { height, width, classes, count, pairs, files }: ConsensusClip,
  into: ConsensusTarget,
  said: Said,
  { temperature, window, reach = consensusReach, onFrame, signal }: ConsensusOptions,
): Promise<number[]> {
  const connected = new Set(pairs);
  const maps = new Map<number, ProbabilityMap>();
  const flows = new Map<string, OpticalFlow>();
  const sums = Array<number>(classes).fill(0);
  const mapAt = async (t: number) => {
    const known = maps.get(t) ?? { height, width, classes, data: await said(t) };
    maps.set(t, known);
    return known;
  };
  /** Flow between frames up to `reach` apart, chained from neighbour to neighbour. */
  const flowBetween = async (from: number, to: number): Promise<OpticalFlow> => {
    const key = `${from}>${to}`;
    const known = flows.get(key);
    if (known) return known;
    const step = to > from ? 1 : -1;
    const single = (s: number) =>
      step > 0 ? readFlow(files.forward, s, { height, width }) : readFlow(files.backward, s - 1, { height, width });
    const found =
      to === from + step
        ? await single(from)
        : chained(await flowBetween(from, from + step), await flowBetween(from + step, to));
    flows.set(key, found);
    return found;
  };
  const start = window?.from ?? 0;
  for (let t = start; t < Math.min(count, window?.to ?? count); t++) {
    signal?.throwIfAborted();
    const neighbours: Neighbour[] = [];
    for (const step of [1, -1]) {
      for (let d = 1; d <= reach; d++) {
        const other = t + step * d;
        if (other < 0 || other >= count || !connected.has(step > 0 ? other - 1 : other)) break;
        const flow = await flowBetween(t, other);
        const hidden = hiddenPixels(flow, await flowBetween(other, t));
        neighbours.push({ probabilities: await mapAt(other), flow, hidden });
      }
    }
    const consensus = consensusOf(await mapAt(t), neighbours, temperature);
    await files[into].write(t, consensus.targets.data);
    if (into === 'targets') {
      await files.consensus.write(t, consensus.labels);
      await files.pixelWeights.write(t, regionWeights(consensus.labels, { height, width }));
    }
    const { data } = consensus.targets;
    for (let i = 0; i < data.length; i += classes) {
      for (let c = 0; c < classes; c++) sums[c] += data[i + c];
    }
    maps.delete(t - reach);
    for (const key of flows.keys()) {
      const [from, to] = key.split('>').map(Number);
      if (Math.min(from, to) < t + 1 - reach) flows.delete(key);
    }
    onFrame?.(t + 1 - start);
  }
  return sums;
}

/** Flow of a record. */
export async function readFlow(records: Records, t: number, { height, width }: Size): Promise<OpticalFlow> {
  return { height, width, data: new Float32Array((await records.read(t)).buffer) };
}
