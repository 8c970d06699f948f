// How far the weights go from the original's to the trained ones: chosen without labels, on frames that did not train (SPEC section 9).

import type { LabelledFrames } from '../data/labelledFrames.js';
import type { SessionOptions } from '../runtime/openSession.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Student } from '../train/student.js';
import { between } from './between.js';
import type { PreparedClip } from './clipFiles.js';
import { type Judgement, judge } from './judge.js';
import { lostShareOf } from './lostRegions.js';
import { openPredictor } from './predictor.js';

/** A point between the original's weights (0) and the trained ones (1), judged on held-back frames. */
export interface CurvePoint extends Judgement {
  readonly alpha: number;
}

/** Every so many pairs, one is held back from training to judge by; with fewer pairs than twice that, none is. */
const heldBackEvery = 10;
const alphas = [0, 0.25, 0.5, 0.75, 1];

export interface ChoiceOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  readonly signal?: AbortSignal | undefined;
  /** Frames with labels of people, which then decide how far is safe. */
  readonly labelled?: LabelledFrames | undefined;
  readonly onPoint?: ((done: number, total: number) => void) | undefined;
}

/** Pairs for training, and those held back for the choice. */
export function splitPairs(pairs: readonly number[]): { training: number[]; held: number[] } {
  if (pairs.length < 2 * heldBackEvery) return { training: [...pairs], held: [...pairs] };
  const held = pairs.filter((_, i) => i % heldBackEvery === Math.floor(heldBackEvery / 2));
  const frames = new Set(held.flatMap((t) => [t, t + 1]));
  return { training: pairs.filter((t) => !frames.has(t) && !frames.has(t + 1)), held };
}

/**
 * The steadiest point whose agreement with the consensus on the held-back frames falls by little beside what it gains in steady
 * pixels, on all of the way there and on the last part of it, whose class shares stay about as near to the consensus' as the
 * original's are, or within a hundredth, and that loses few regions; with labels the steadiest whose mIoU does not fall.
 */
export async function chooseAlpha(
  clip: PreparedClip,
  student: Student,
  trained: ReadonlyMap<string, Tensor>,
  held: readonly number[],
  { threads, device, labelled, onPoint, signal }: ChoiceOptions,
): Promise<{ alpha: number; curve: CurvePoint[] }> {
  const frames = [...new Set([...held.flatMap((t) => [t, t + 1]), ...(labelled?.frames ?? [])])].sort((a, b) => a - b);
  const curve: CurvePoint[] = [];
  for (const [k, alpha] of alphas.entries()) {
    signal?.throwIfAborted();
    const weights = between(student.weights, trained, alpha);
    const predictor = await openPredictor(student, weights, clip, { gives: 'labels', threads, device });
    curve.push({
      alpha,
      ...(await judge(clip, predictor, frames, { pairs: held, labelled }).finally(() => predictor.close())),
    });
    onPoint?.(k + 1, alphas.length);
  }
  return { alpha: bestAlpha(curve), curve };
}

/**
 * Shares may be this far from the consensus', even where more pixels agree with it: ESPNet on a motorway lost half of its flicker
 * and came nearer to the consensus, but 4 % of the pixels were trees before and buildings after.
 */
const sharesTolerance = 0.01;

/**
 * Pixels that may leave the consensus, or its class shares, for each that becomes steady. The consensus is no truth: a portrait
 * network that lost 3 of 5 flickering pixels in a hundred, and none that it was sure of, left it on one in a thousand.
 */
const lossPerGain = 0.1;

/**
 * Regions that it may lose, of those that it saw and the frames around confirm, beside those that only its mirror image shows. Few
 * pixels speak for a small one: ESPNetv2 on a motorway kept to the consensus, its class shares and all it was sure of, while a third
 * of the far cars were gone.
 */
const mostLost = 0.15;

/** Why all that would be steadier is refused; nothing where some is not, or no point is steadier. */
export function refusals(curve: readonly CurvePoint[]): string[] {
  if (bestAlpha(curve) > 0) return [];
  const [original, ...points] = curve;
  const faults = points
    .filter((point) => isSteadierThan(original, point))
    .flatMap((point) => {
      const found = faultsOf(original, point);
      return found.length === 0 ? ['too many pixels leave the consensus'] : found;
    });
  return [...new Set(faults)];
}

export function bestAlpha(curve: readonly CurvePoint[]): number {
  const [original] = curve;
  const safe = curve.filter((point) => isSteadierThan(original, point) && faultsOf(original, point).length === 0);
  // Not only all of the way must be worth what it costs, but also its last part.
  return safe.reduce((best, point) => (isWorthIt(best, point) ? point : best), original).alpha;
}

function isSteadierThan(original: CurvePoint, point: CurvePoint): boolean {
  return point.steady > original.steady && point.kappa > original.kappa;
}

/** Why a point is not safe. */
function faultsOf(original: CurvePoint, { mIoU, sharesApart, steady, regions }: CurvePoint): string[] {
  if (original.mIoU !== undefined) return mIoU !== undefined && mIoU >= original.mIoU ? [] : ['mIoU falls'];
  const mostApart = Math.max(original.sharesApart + lossPerGain * (steady - original.steady), sharesTolerance);
  return [
    ...(sharesApart > mostApart ? ['class shares move too far'] : []),
    ...(lostShareOf(regions) - lostShareOf(original.regions) > mostLost ? ['too many regions are lost'] : []),
  ];
}

function isWorthIt(best: CurvePoint, point: CurvePoint): boolean {
  return (
    point.steady > best.steady &&
    (point.mIoU !== undefined || best.consensus - point.consensus <= lossPerGain * (point.steady - best.steady))
  );
}
