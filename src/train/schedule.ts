// Learning rates along a run (SPEC section 4).

/** How a rate falls over `steps`; `power` belongs to `polynomial`. */
export type Schedule =
  | { readonly schedule: 'constant' | 'cosine' }
  | { readonly schedule: 'polynomial'; readonly power: number };

export type ScheduleOptions = Schedule & {
  readonly rate: number;
  /** Steps over which the rate rises; 0 for none. */
  readonly warmup: number;
  /** Share of the rate that it rises from, at step 0; by default it rises from 0, at the step before. */
  readonly warmupFrom?: number | undefined;
};

/**
 * The rate of a step, counted from 0: `rate · fall · rise`. The fall is 1, `(1 - step/steps)^power` or
 * `(1 + cos(π·step/steps))/2`; the rise `(step + 1)/warmup` until it reaches 1; from a share of the
 * rate, `1 - (1 - step/warmup)·(1 - share)`, the rule of mmcv 1.x.
 */
export function learningRate(options: ScheduleOptions, step: number, steps: number): number {
  const falling = options.rate * fall(options, step / steps);
  return falling * rise(options, step);
}

function rise({ warmup, warmupFrom }: ScheduleOptions, step: number): number {
  if (step >= warmup) return 1;
  if (warmupFrom === undefined) return (step + 1) / warmup;
  return 1 - (1 - step / warmup) * (1 - warmupFrom);
}

/** @param progress share of the steps done, from 0. */
function fall(options: Schedule, progress: number): number {
  switch (options.schedule) {
    case 'constant':
      return 1;
    case 'polynomial':
      return (1 - progress) ** options.power;
    case 'cosine':
      return (1 + Math.cos(Math.PI * progress)) / 2;
  }
}
