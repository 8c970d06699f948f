// How long an adaptation takes yet: the stage under way by its own pace, those to come as they were estimated.
import type { AdaptEstimate, AdaptProgress, AdaptStage } from '../src/web.js';

export interface Remaining {
  /** Follows the work. @param now milliseconds of a clock. @returns seconds that are left. */
  follow(progress: AdaptProgress, now: number): number;
}

/** The stages in order, as `AdaptEstimate` has them. */
const order: readonly AdaptStage[] = ['frames', 'consensus', 'steps', 'renewal', 'refinement', 'choice', 'judgement'];

/** @param began milliseconds of the same clock. */
export function createRemaining({ stages }: AdaptEstimate, began: number): Remaining {
  let stage: AdaptStage = 'frames';
  let started = began;
  let last = began;
  return {
    follow({ stage: current, done, total = done }, now) {
      if (current !== stage) [stage, started] = [current, last];
      last = now;
      const own = done === 0 ? stages[stage] : (((now - started) / 1000) * (total - done)) / done;
      const later = order.slice(order.indexOf(stage) + 1);
      return own + later.reduce((sum, one) => sum + stages[one], 0);
    },
  };
}

/** Seconds in words: `40 s`, `6 min`, `2.5 h`. */
export function durationWords(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
