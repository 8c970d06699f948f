// The core of adapting, in Node and in browsers alike: clip, consensus, steps, choice and judgement (SPEC section 9).
import { SteadysegError } from '../base/errors.js';
import type { LabelledFrames } from '../data/labelledFrames.js';
import type { FlowSource } from '../flow/source.js';
import type { Size } from '../media/image.js';
import type { SessionOptions } from '../runtime/openSession.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Student } from '../train/student.js';
import { between, bySize } from './between.js';
import { type CurvePoint, chooseAlpha, refusals, splitPairs } from './choice.js';
import { countClasses, withShares } from './classShares.js';
import { type ClipSource, prepareClip, renewTargets } from './clip.js';
import { closeClipFiles, type PreparedClip } from './clipFiles.js';
import type { AdaptStage } from './estimate.js';
import { agreementOn, goneClasses, type JudgedFrame, type Judgement, judge } from './judge.js';
import { lostRegions } from './lostRegions.js';
import { openPredictor } from './predictor.js';
import { muchVideo, reachOf } from './reach.js';
import { type Round, roundsOf } from './rounds.js';
import { settledAfter, settledWeights } from './settledWeights.js';
import { type ClipCheckpoint, type KeptFrames, method, trainOnClip } from './training.js';

/** How much classes count in the targets: rare ones more (SPEC §9), or all the same. */
export type ClassWeights = 'balanced' | 'even';

/** How far a stage of an adaptation is. */
export interface AdaptProgress {
  readonly stage: AdaptStage;
  /** In renewal and judgement each frame counts twice. */
  readonly done: number;
  /** Undefined while the number of frames is not known. */
  readonly total: number | undefined;
}

/** What is told while it works. */
export interface AdaptListeners {
  /** Told after each frame, step, point or judged frame. */
  readonly onProgress?: ((progress: AdaptProgress) => void) | undefined;
  /** What was guessed or found, a line each. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Frames as the original and the adapted network segment them, for reports. */
  readonly onJudged?: ((which: 'before' | 'after', frame: JudgedFrame) => void | Promise<void>) | undefined;
}

export interface AdaptClipOptions extends AdaptListeners, Pick<SessionOptions, 'device' | 'threads'> {
  readonly sources: readonly ClipSource[];
  /** The sources in words, for errors. */
  readonly name: string;
  /** What frames are resized to: the network's input size. */
  readonly size: Size;
  /** Frames in all, where that is known. */
  readonly total?: number | undefined;
  readonly limit?: number | undefined;
  readonly flow: FlowSource;
  readonly steps: number;
  readonly seed: number;
  /** Views of each frame in the consensus. */
  readonly views?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Ends the training early: what was trained until then is chosen from and judged. */
  readonly finish?: AbortSignal | undefined;
  /** Folder of what is known of each frame; of no meaning in browsers. */
  readonly folder: string;
  /** What prepares the clip; default `prepareClip`. */
  readonly prepare?: typeof prepareClip | undefined;
  /** What renews targets for the second round of a training, or has them from before; default: `renew`. */
  readonly renewed?:
    | ((
        clip: PreparedClip,
        classWeights: ClassWeights,
        renew: () => Promise<PreparedClip | undefined>,
      ) => Promise<PreparedClip | undefined>)
    | undefined;
  readonly checkpoint?: ((classWeights: ClassWeights, round: Round) => ClipCheckpoint) | undefined;
  /** Whether there is time for a second training, should the first end in nothing safe; default true. */
  readonly trainsAgain?: boolean | undefined;
  /** Frames of the clip with labels of people, which then judge how far the weights go. */
  readonly labelled?: ((clip: PreparedClip) => Promise<LabelledFrames | undefined>) | undefined;
  /** Whether the network is for use elsewhere, too. */
  readonly general?: boolean | undefined;
  /** Frames of elsewhere that must not be forgotten: those that train, and those that tell what was. */
  readonly kept?: ((clip: PreparedClip) => Promise<{ training: KeptFrames; held: KeptFrames }>) | undefined;
}

export interface AdaptedClip {
  /** All weights of the network; the original's where nothing safe made it steadier. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** How far they went from the original's (0) to the furthest that they may (1: `reach`). */
  readonly alpha: number;
  /** The part of the way to the trained weights that was allowed. */
  readonly reach: number;
  /** By the targets that trained: where they keep shares, the consensus with those. */
  readonly curve: readonly CurvePoint[];
  /** Steps of the training that they were taken from, and its weights of classes. */
  readonly steps: number;
  readonly classWeights: ClassWeights;
  /** Whether the targets were weighed so that each class keeps its share of the pixels: on little video, and for use elsewhere. */
  readonly keepsShares: boolean;
  readonly before: Judgement;
  readonly after: Judgement;
  /** Share of the pixels that keep their class on held-back frames of what must not be forgotten, where there are some. */
  readonly keeps?: number | undefined;
  readonly frames: number;
  readonly pairs: number;
  readonly cuts: readonly number[];
  /** Seconds by stage, of this process. */
  readonly seconds: Readonly<Record<AdaptStage, number>>;
}

/** @throws SteadysegError for a clip of one frame, and for frames or flow that cannot be had; InterruptedError from the signal. */
export async function adaptToClip(student: Student, options: AdaptClipOptions): Promise<AdaptedClip> {
  const { sources, size, total, limit, flow, steps, seed, views, signal, finish, folder, threads, device, onProgress } =
    options;
  const classes = student.classes.count;
  const seconds = { frames: 0, consensus: 0, steps: 0, renewal: 0, refinement: 0, choice: 0, judgement: 0 };
  let started = performance.now();
  let stage: AdaptStage = 'frames';
  const lap = (next: AdaptStage) => {
    seconds[stage] += (performance.now() - started) / 1000;
    started = performance.now();
    stage = next;
  };
  const first = await openPredictor(student, student.weights, size, { gives: 'views', views, threads, device });
  const prepare = options.prepare ?? prepareClip;
  const clip = await prepare({
    ...{ sources, classes, flow, signal, folder, limit },
    ...{ temperature: method.temperature, predictor: first, threads, ...size },
    onFrame(done, now) {
      if (now !== stage) lap(now);
      onProgress?.({ stage: now, done, total });
    },
  }).finally(() => first.close());
  try {
    const { training, held } = splitPairs(clip.pairs);
    if (clip.count < 2) throw new SteadysegError(`${options.name}: expected at least 2 frames, found ${clip.count}`);
    if (held.length === training.length) {
      const pairs = held.length === 1 ? '1 pair is' : `${held.length} pairs are`;
      options.onNote?.(`${pairs} too few to hold some back: the choice is made on those that train`);
    }
    const labelled = await options.labelled?.(clip);
    const reaching = {
      ...{ frames: clip.count, pixels: size.height * size.width, general: options.general ?? false },
      ...{ labelled: labelled !== undefined, held: options.kept !== undefined },
    };
    const reach = reachOf(reaching);
    if (reach < reachOf({ ...reaching, general: false })) {
      const held = options.kept ? '' : '; more where other video is held to (keep)';
      options.onNote?.(`for use elsewhere, too, at most ${percent(reach)} of the way is taken${held}`);
    } else if (reach < 1) {
      const most = reachOf({ ...reaching, frames: muchVideo });
      options.onNote?.(
        `${clip.count} frames are little video, on which a network forgets what they do not show: at most ${percent(reach)} of the way is taken (with ${muchVideo} frames, or labels, ${most < 1 ? percent(most) : 'all of it'})`,
      );
    }
    const kept = await options.kept?.(clip);
    const rounds = roundsOf(steps);
    // Much video shows what is rare, too: there, targets with the shares of the network as it came make it less steady.
    const keepsShares = reachOf({ ...reaching, labelled: false }) < 1;
    if (keepsShares)
      options.onNote?.('targets are weighed so that each class keeps the share of the pixels that it has');
    const counts = keepsShares ? await countOriginal(clip, student, { threads, device, signal }) : undefined;
    const withTargets = async (of: PreparedClip) => (counts ? await withShares(of, counts, signal) : of);
    const begun = await withTargets(clip);
    const train = async (classWeights: ClassWeights) => {
      const round = (of: PreparedClip, from: ReadonlyMap<string, Tensor>, name: Round) => {
        const now = name === 'first' ? 'steps' : 'refinement';
        lap(now);
        const targetSums = classWeights === 'balanced' ? of.targetSums : Array<number>(classes).fill(1);
        return trainOnClip({ ...of, targetSums }, student, training, {
          ...{
            from,
            steps: rounds[name],
            seed: name === 'first' ? seed : seed + 1,
            threads,
            device,
            signal,
            finish,
            kept: kept?.training,
          },
          checkpoint: options.checkpoint?.(classWeights, name),
          onStep: (done) => onProgress?.({ stage: now, done, total: rounds[name] }),
        });
      };
      let trained = await round(begun, student.weights, 'first');
      if (rounds.second > 0 && trained.steps === rounds.first && !finish?.aborted) {
        lap('renewal');
        const { weights } = trained;
        const renewing = () => renew(clip, weights);
        const renewed = await (options.renewed ? options.renewed(clip, classWeights, renewing) : renewing());
        if (renewed) {
          const settled =
            rounds.first < settledAfter ? trained.weights : settledWeights(student, size, trained.weights);
          const second = await round(await withTargets(renewed), settled, 'second');
          trained = { weights: second.weights, steps: rounds.first + second.steps };
        }
      }
      if (finish?.aborted && trained.steps < steps) {
        options.onNote?.(`the training was ended after ${trained.steps} of ${steps} steps`);
      }
      lap('choice');
      // On this video alone, or held to other video, a network gains nothing by large weights going further (measured).
      const shorten = reaching.general && !reaching.held ? bySize : between;
      trained = { ...trained, weights: shorten(student.weights, trained.weights, reach) };
      const choice = await chooseAlpha(begun, student, trained.weights, held, {
        ...{ threads, device, signal, labelled },
        onPoint: (done, points) => onProgress?.({ stage: 'choice', done, total: points }),
      });
      return { classWeights, trained, ...choice };
    };
    /** Undefined where the training ends meanwhile. */
    const renew = async (of: PreparedClip, weights: ReadonlyMap<string, Tensor>) => {
      const predictor = await openPredictor(student, weights, size, { gives: 'views', views, threads, device });
      const onFrame = (done: number) => onProgress?.({ stage: 'renewal', done, total: 2 * of.count });
      const either = AbortSignal.any([signal ?? [], finish ?? []].flat());
      return renewTargets(of, predictor, { temperature: method.temperature, signal: either, threads, onFrame })
        .catch((thrown: unknown) => {
          if (finish?.aborted && thrown === finish.reason) return undefined;
          throw thrown;
        })
        .finally(() => predictor.close());
    };
    let taken = await train('balanced');
    const faults = refusals(taken.curve);
    if (faults.length > 0 && !finish?.aborted) {
      // Weights that raise rare classes are what moves class shares, where they move too far.
      const refused = `what is steadier with rare classes weighted up is not safe (${faults.join(', ')})`;
      if (options.trainsAgain ?? true) {
        options.onNote?.(`${refused}: trains once more with all classes weighted alike`);
        const again = await train('even');
        if (again.alpha > 0) taken = again;
        else options.onNote?.(secondRefusal(refusals(again.curve)));
      } else options.onNote?.(`${refused}; the time was planned for one training: a second may help`);
    }
    const { classWeights, trained, alpha, curve } = taken;
    lap('judgement');
    const weights = between(student.weights, trained.weights, alpha);
    const all = Array.from({ length: clip.count }, (_, t) => t);
    let judged = 0;
    const judgedWith = async (which: 'before' | 'after', of: ReadonlyMap<string, Tensor>) => {
      const predictor = await openPredictor(student, of, clip, { gives: 'labels', threads, device });
      const onFrame = async (frame: JudgedFrame) => {
        onProgress?.({ stage: 'judgement', done: ++judged, total: 2 * clip.count });
        await options.onJudged?.(which, frame);
      };
      return judge(clip, predictor, all, { labelled, onFrame }).finally(() => predictor.close());
    };
    const before = await judgedWith('before', student.weights);
    const after = alpha === 0 ? before : await judgedWith('after', weights);
    const keeps = kept && (await agreementOn(kept.held, student, weights, clip, { device, threads }));
    const nameOf = (c: number) => student.classes.names?.[c] ?? `class ${c}`;
    const fewer = lostRegions(before.regions, after.regions).map(
      ({ label, lost, seen }) => `${nameOf(label)} ${lost} of ${seen}`,
    );
    if (fewer.length > 0) {
      options.onNote?.(
        `lost of the regions that it and the frames around showed: ${fewer.join(', ')}: look whether that is right`,
      );
    }
    const gone = goneClasses(before, after).map((c) => shareChange(nameOf(c), before.shares[c], after.shares[c]));
    if (gone.length > 0) options.onNote?.(`all but gone: ${gone.join(', ')}: look whether that is right`);
    lap('judgement');
    const { count: frames, pairs, cuts } = clip;
    return {
      ...{ weights, alpha, reach, curve, steps: trained.steps, classWeights, keepsShares, before, after },
      ...{ frames, pairs: pairs.length, cuts, seconds, keeps },
    };
  } finally {
    await closeClipFiles(clip.files);
  }
}

function secondRefusal(faults: readonly string[]): string {
  return faults.length > 0 ? `nor is what is steadier then (${faults.join(', ')})` : 'nothing is steadier then';
}

/** Pixels of each class, as the network as it came says. */
async function countOriginal(
  clip: PreparedClip,
  student: Student,
  { signal, ...options }: Pick<AdaptClipOptions, 'device' | 'threads' | 'signal'>,
): Promise<number[]> {
  const predictor = await openPredictor(student, student.weights, clip, { gives: 'labels', ...options });
  return countClasses(clip, predictor, signal).finally(() => predictor.close());
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function shareChange(name: string, before: number, after: number): string {
  return `${name} (${(100 * before).toFixed(2)} → ${(100 * after).toFixed(2)} % of the pixels)`;
}
