// How long work tells its caller how far it is; the library reports through callbacks and prints nothing.

/** One report: `done` of `total` (undefined when unknown) units such as frames, pairs or steps. */
export interface Progress {
  readonly done: number;
  readonly total?: number | undefined;
}

/** Called as work goes on, from time to time. */
export type OnProgress = (progress: Progress) => void;
