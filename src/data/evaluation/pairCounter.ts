// Pairs of neighbouring frames, their label maps compared along the flow on threads of their own.
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { FlowDirection, FlowSource, FramePair } from '../../flow/source.js';
import type { LabelMap } from '../../media/image.js';
import type { TemporalMode } from '../../metrics/warp.js';
import { awaitAll, requireSize } from './common.js';
import type { PairOutcome, PairTask } from './pairWorker.js';

/** A label map, and what errors call it. */
export interface NamedMap {
  readonly name: string;
  readonly map: LabelMap;
}

/** The label maps of frames t and t+1. */
export type MapPair = readonly [first: NamedMap, next: NamedMap];

/** How pairs are compared. */
export interface PairCounterOptions {
  readonly flow: FlowSource;
  readonly mode: TemporalMode;
  /** Number of classes. */
  readonly classes: number;
  /** Default: one a core. */
  readonly threads?: number | undefined;
  /** Whether outcomes hold what it takes to show a pair. Default false. */
  readonly keep?: boolean | undefined;
}

/** Counts pairs, as many at a time as are asked for. */
export interface PairCounter {
  /**
   * Warps each next map to its first along the flow of the frames, and counts; one entry for each of `maps`, which may
   * still be in the making while the flow is.
   * @throws SteadysegError naming the file or frame: no flow, sizes that differ
   */
  count(frames: FramePair, maps: readonly MapPair[] | Promise<readonly MapPair[]>): Promise<PairOutcome>;
  /** Ends its threads; the flow source is the caller's. */
  close(): Promise<void>;
}

/** Directions of flow that a mode takes. */
export function directionsOf(mode: TemporalMode): FlowDirection[] {
  return mode === 'masked' ? ['forward', 'backward'] : ['forward'];
}

/** A counter; its threads start with the first pair. */
export function createPairCounter(options: PairCounterOptions): PairCounter {
  const { flow, mode, classes, threads = availableParallelism(), keep = false } = options;
  const directions = directionsOf(mode);
  let pool: Piscina<PairTask, PairOutcome> | undefined;
  return {
    async count(frames, comingMaps) {
      const [maps, flows] = await awaitAll([
        Promise.resolve(comingMaps),
        awaitAll(directions.map((direction) => flow.flow(frames, direction))),
      ]);
      const [reference] = maps[0];
      for (const one of maps.flat().slice(1)) requireSize(one.map, one.name, reference.map, reference.name);
      const flowName = `the flow of ${frames.first.stem} → ${frames.second.stem}`;
      for (const one of flows) requireSize(one, flowName, reference.map, reference.name);
      pool ??= new Piscina({
        filename: new URL('./pairWorker.js', import.meta.url).href,
        minThreads: threads,
        maxThreads: threads,
      });
      const [forward, backward] = flows;
      const pairs = maps.map(([first, next]) => [plain(first.map), plain(next.map)] as const);
      return await pool.run(
        { mode, classes, forward, backward, pairs, keep },
        { transferList: [...new Set(flows.map(({ data }) => data.buffer as ArrayBuffer))] },
      );
    },
    async close() {
      await pool?.destroy();
    },
  };
}

/** What is sent to a thread: the map alone, whatever else comes with it. */
function plain({ width, height, data }: LabelMap): LabelMap {
  return { width, height, data };
}
