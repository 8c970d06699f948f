// Runs the frames of a source through the networks of both sides and the measure, each in a worker of its own.
import type { LabelMap, RgbImage } from '../src/web.js';
import type { Loading } from './loading.js';
import type { Device, NetworkFunctions, NetworkSource, ReadyNetwork, Side } from './networkWorker.js';
import { remote } from './remote.js';
import type { Source } from './source.js';
import type { Figures, SteadinessFunctions } from './steadinessWorker.js';

/** A frame that was worked on. */
export interface Step {
  readonly index: number;
  readonly stem: string;
  readonly image: RgbImage;
  readonly labels: Readonly<Partial<Record<Side, LabelMap>>>;
  /** Of all pairs of frames so far. */
  readonly figures: Figures;
  /** For this frame. */
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly longerSide: number;
  /** Number of classes by side. */
  readonly classes: Readonly<Partial<Record<Side, number>>>;
  readonly signal: AbortSignal;
  /** Waited for before each frame. */
  readonly whenPlaying: () => Promise<void>;
  readonly onStep: (step: Step) => void;
}

export interface Studio {
  choose(device: Device): Promise<{ device: Device; note: string | undefined }>;
  load(side: Side, network: NetworkSource): Promise<ReadyNetwork>;
  release(side: Side): Promise<void>;
  /** Ends with the source, or when the signal says so. */
  run(source: Source, options: RunOptions): Promise<void>;
  flicker(): ReturnType<ReturnType<typeof remote<SteadinessFunctions>>['flicker']>;
}

/** @param onTold what the networks' worker says on its way. */
export function createStudio(onTold: (told: Loading | { readonly note: string }) => void): Studio {
  const networks = remote<NetworkFunctions>(
    new Worker(new URL('./networkWorker.ts', import.meta.url), { type: 'module' }),
    onTold,
  );
  const measure = remote<SteadinessFunctions>(
    new Worker(new URL('./steadinessWorker.ts', import.meta.url), { type: 'module' }),
  );
  return {
    choose: (device) => networks.choose(device),
    load: (side, network) => networks.load(side, network),
    release: (side) => networks.release(side),
    flicker: () => measure.flicker(),
    async run(source, { longerSide, classes, signal, whenPlaying, onStep }) {
      await measure.begin(classes);
      const frames = source.frames(longerSide);
      try {
        let upcoming = frames.next();
        for (let index = 0; ; index++) {
          await whenPlaying();
          const { value: frame } = await upcoming;
          if (signal.aborted || !frame) return;
          // The next frame is decoded meanwhile; of a camera the newest is wanted, not one that waited.
          if (!source.live) {
            upcoming = frames.next();
            // What it throws is met where it is waited for.
            upcoming.catch(() => undefined);
          }
          const started = performance.now();
          const { image, stem } = frame;
          const [{ labels }] = await Promise.all([
            networks.segment(image),
            source.clip ? measure.follow(image) : undefined,
          ]);
          const figures = source.clip ? await measure.compare(labels) : {};
          if (signal.aborted) return;
          onStep({ index, stem, image, labels, figures, milliseconds: performance.now() - started });
          if (source.live) upcoming = frames.next();
        }
      } finally {
        await frames.return(undefined);
      }
    },
  };
}
