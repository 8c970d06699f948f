// The worker that adapts a network to a clip; the page ends it where the visitor does.
import { type AdaptEstimate, type AdaptProgress, adapt, type RgbImage, type WebAdaptation } from '../src/web.js';
import { loadEngine } from './engine.js';
import type { Loading } from './loading.js';
import type { NetworkSource } from './networkWorker.js';
import { readingOptions } from './reading.js';
import { offer, tell } from './remote.js';
import { wordsAbout } from './wordsAbout.js';

/** What is told on the way. */
export type AdaptTold =
  | { readonly estimate: AdaptEstimate }
  | { readonly progress: AdaptProgress }
  | { readonly note: string }
  | Loading;

/** Beyond this, browsers end a page rather than give it more memory. */
const MAX_CLIP_BYTES = 2e9;

const enough = new AbortController();

const functions = {
  /** @param steps updates of the weights. */
  async adapt(
    { name, content, reading }: NetworkSource,
    frames: readonly RgbImage[],
    steps: number,
  ): Promise<WebAdaptation> {
    await loadEngine();
    return adapt(content, frames, {
      steps,
      ...readingOptions(reading),
      finish: enough.signal,
      onEstimate(estimate) {
        if (estimate.disk > MAX_CLIP_BYTES) {
          throw new Error(
            `${frames.length} frames would take ${(estimate.disk / 1e9).toFixed(1)} GB of memory, more than a page gets: take fewer, or smaller ones`,
          );
        }
        tell({ estimate } satisfies AdaptTold);
      },
      onProgress: (progress) => tell({ progress } satisfies AdaptTold),
      onNote: (note) => tell({ note: wordsAbout(name, note) } satisfies AdaptTold),
    }).catch((thrown: unknown) => {
      throw new Error(wordsAbout(name, thrown));
    });
  },
};

const atOnce = {
  /** Ends the learning; what was learnt so far is the result. */
  finish(): void {
    enough.abort();
  },
};

export type AdaptFunctions = typeof functions & typeof atOnce;

offer(functions, atOnce);
