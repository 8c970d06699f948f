// Ctrl-C while a network is quantised.
import { InterruptedError } from '../base/errors.js';

/** @throws InterruptedError once the signal came. */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new InterruptedError('interrupted: nothing was written');
}
