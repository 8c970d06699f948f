// Measures the network before and after on the clip: steadiness and TC along one flow, mIoU where there are labels.
import { SteadysegError } from '../base/errors.js';
import type { OnProgress } from '../base/progress.js';
import { measureSteadiness } from '../data/evaluation/steadiness.js';
import { evaluateTemporalConsistency } from '../data/evaluation/temporal.js';
import type { FlowSource } from '../flow/source.js';
import type { ClassSet } from '../media/classes.js';
import type { DemoFigures, DemoPair } from './result.js';

export interface MeasureOptions {
  /** The video or frames. */
  readonly frames: string;
  readonly limit: number;
  /** Results of `predict`. */
  readonly before: string;
  readonly after: string;
  /** Exact labels, where there are any. */
  readonly labels?: string | undefined;
  readonly flow: FlowSource;
  readonly classes: ClassSet;
  readonly threads?: number | undefined;
  readonly onProgress: OnProgress;
}

/** What was measured. */
export interface Measured {
  readonly before: DemoFigures;
  readonly after: DemoFigures;
  readonly labelsTc?: number | undefined;
  readonly shown: DemoPair;
}

/** @throws SteadysegError when there is no pair of frames to compare, and as the evaluations do. */
export async function measureBoth(options: MeasureOptions): Promise<Measured> {
  const { before, after, frames, limit, flow, classes: classSet, threads, labels, onProgress } = options;
  const common = { frames, limit, flow, classSet, threads };
  // Each pass goes over all frames.
  const passes = 3;
  const pass =
    (at: number): OnProgress =>
    ({ done }) =>
      onProgress({ done: at * limit + done, total: passes * limit });
  const { result } = await measureSteadiness({ ...common, pred: after, against: before, onProgress: pass(0) });
  const consistencyOf = async (pred: string, at: number) => {
    const gt = labels === undefined ? {} : { gt: labels, convention: 'cityscapes' as const };
    const measured = await evaluateTemporalConsistency({ ...common, ...gt, pred, onProgress: pass(at) });
    return measured.result;
  };
  const [ofBefore, ofAfter] = [await consistencyOf(before, 1), await consistencyOf(after, 2)];
  const pairs = result.pairList.flatMap(({ first, second, steady, againstSteady }) =>
    typeof steady === 'number' && typeof againstSteady === 'number'
      ? [{ first, second, steady: [againstSteady, steady] as const }]
      : [],
  );
  const shown = medianPair(pairs);
  if (!result.against || !shown) throw new SteadysegError(`${frames}: expected neighbouring frames, found none`);
  const figures = (of: typeof result.against | typeof result, { tc, mIoU }: typeof ofBefore): DemoFigures => ({
    steady: numberOf(of.steady),
    flicker: 1 - numberOf(of.steady),
    kappa: numberOf(of.kappa),
    tc: numberOf(tc),
    ...(typeof mIoU === 'number' && { mIoU }),
    flickerOfClasses: of.flicker.map(numberOf),
  });
  return {
    before: figures(result.against, ofBefore),
    after: figures(result, ofAfter),
    ...(typeof ofAfter.labelsTc === 'number' && { labelsTc: ofAfter.labelsTc }),
    shown,
  };
}

/** The pair whose steady pixels improve by the median over all pairs: neither the best nor the worst is shown. */
export function medianPair(pairs: readonly DemoPair[]): DemoPair | undefined {
  const gain = ({ steady: [before, after] }: DemoPair) => after - before;
  const sorted = [...pairs].sort((a, b) => gain(a) - gain(b));
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

function numberOf(value: number | null | undefined): number {
  return value ?? Number.NaN;
}
