// Dense optical flow by polynomial expansion (Farnebäck, SCIA 2003), computed by OpenCV in worker threads.
import { SteadysegError } from '../base/errors.js';
import type { FlowSource } from './source.js';
import { threadedFlow } from './threads.js';

/** OpenCV's parameters, under their meanings; the defaults are those of the reference flows. */
export interface FarnebackSettings {
  /** Size of each pyramid level relative to the one below, 0 < scale < 1. Default 0.5. */
  readonly pyramidScale: number;
  /** Pyramid levels, the full size counted. Default 4. */
  readonly levels: number;
  /** Side of the averaging window in pixels. Default 15. */
  readonly windowSize: number;
  /** Iterations at each level. Default 3. */
  readonly iterations: number;
  /** Side of the neighbourhood of the polynomial expansion in pixels, 5 or 7. Default 5. */
  readonly polyN: number;
  /** Standard deviation of the Gaussian that smooths it, in pixels. Default 1.1. */
  readonly polySigma: number;
  /** Weigh the window by a Gaussian instead of a box. Default false. */
  readonly gaussianWindow: boolean;
}

/** What `farnebackFlow` takes. */
export interface FarnebackOptions extends Partial<FarnebackSettings> {
  /** Worker threads; each holds an OpenCV of its own. Default: one a core. */
  readonly threads?: number | undefined;
}

/**
 * Flow by OpenCV's Farneback method, from the frames' grey values. The threads start with the first call.
 * @throws SteadysegError for parameters outside their range, and from `flow` for frames of different sizes.
 */
export function farnebackFlow(options: FarnebackOptions = {}): FlowSource {
  const {
    pyramidScale = 0.5,
    levels = 4,
    windowSize = 15,
    iterations = 3,
    polyN = 5,
    polySigma = 1.1,
    gaussianWindow = false,
    threads,
  } = options;
  check(pyramidScale > 0 && pyramidScale < 1, 'pyramidScale between 0 and 1', pyramidScale);
  check(Number.isInteger(levels) && levels >= 1, 'at least 1 level', levels);
  check(Number.isInteger(windowSize) && windowSize >= 2, 'a windowSize of at least 2 pixels', windowSize);
  check(Number.isInteger(iterations) && iterations >= 1, 'at least 1 iteration', iterations);
  check(polyN === 5 || polyN === 7, 'a polyN of 5 or 7', polyN);
  check(polySigma > 0 && Number.isFinite(polySigma), 'a positive polySigma', polySigma);
  return threadedFlow<FarnebackSettings>({
    name:
      `farneback pyr_scale=${pyramidScale} levels=${levels} winsize=${windowSize} iterations=${iterations} ` +
      `poly_n=${polyN} poly_sigma=${polySigma}${gaussianWindow ? ' gaussian' : ''}`,
    worker: new URL('./farnebackWorker.js', import.meta.url),
    settings: { pyramidScale, levels, windowSize, iterations, polyN, polySigma, gaussianWindow },
    threads,
  });
}

function check(fits: boolean, expected: string, found: number): void {
  if (!fits) throw new SteadysegError(`Farneback flow: expected ${expected} but received ${found}`);
}
