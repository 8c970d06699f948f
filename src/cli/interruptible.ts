// Work that Ctrl-C or a scheduler's SIGTERM ends early, with its progress on stderr.
import { InterruptedError, TerminatedError } from '../base/errors.js';
import { createProgressLine, type ProgressLine } from '../report/progress.js';

export interface InterruptibleOptions {
  /** What is done, such as `predict`. */
  readonly title: string;
  /** What is counted, in the plural; default `frames`. */
  readonly unit?: string | undefined;
  /** What still happens after the first Ctrl-C or SIGTERM. */
  readonly ending: string;
}

/**
 * Runs work with a progress line; the first Ctrl-C or SIGTERM tells it to end.
 * @throws TerminatedError in place of InterruptedError after SIGTERM.
 */
export async function withProgress<Result>(
  { title, unit, ending }: InterruptibleOptions,
  work: (progress: ProgressLine, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const progress = createProgressLine({ title, unit });
  const interruption = new AbortController();
  // Once: a second Ctrl-C ends the program at once.
  const interrupt = () => {
    progress.note(`${ending} (Ctrl-C again: stop at once)`);
    interruption.abort();
  };
  const terminate = () => {
    progress.note(ending);
    interruption.abort(new TerminatedError('SIGTERM'));
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', terminate);
  try {
    return await work(progress, interruption.signal);
  } catch (thrown) {
    const { reason } = interruption.signal;
    const terminated = thrown instanceof InterruptedError && reason instanceof TerminatedError;
    throw terminated ? new TerminatedError(thrown.message, { cause: thrown }) : thrown;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', terminate);
    progress.done();
  }
}
