// Work that Ctrl-C ends early, with its progress on stderr.
import { createProgressLine, type ProgressLine } from '../report/progress.js';

export interface InterruptibleOptions {
  /** What is done, such as `predict`. */
  readonly title: string;
  /** What is counted, in the plural; default `frames`. */
  readonly unit?: string | undefined;
  /** What still happens after the first Ctrl-C. */
  readonly ending: string;
}

/** Runs work with a progress line; the first Ctrl-C tells it to end. */
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
  process.once('SIGINT', interrupt);
  try {
    return await work(progress, interruption.signal);
  } finally {
    process.off('SIGINT', interrupt);
    progress.done();
  }
}
