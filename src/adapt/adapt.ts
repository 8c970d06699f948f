// Makes a network steadier on a video without labels: consensus along the flow, distilled into its weights (SPEC section 9).
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InterruptedError, SteadysegError, UsageError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { linkedPath } from '../base/outputFile.js';
import { findLabelled, type LabelledFrames } from '../data/labelledFrames.js';
import { openFlowSource } from '../flow/open.js';
import type { FlowSource } from '../flow/source.js';
import type { ClassSet } from '../media/classes.js';
import { frameCount, openFrames } from '../media/frames.js';
import type { Size } from '../media/image.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import { findNetwork } from '../segment/findNetwork.js';
import type { NetworkDescription } from '../segment/network.js';
import { understoodOtherwise } from '../segment/understanding.js';
import { type AdaptedClip, adaptToClip } from './adaptClip.js';
import { framePlanes, prepareClip } from './clip.js';
import type { PreparedClip } from './clipFiles.js';
import { type AdaptCosts, type AdaptEstimate, estimate, measureCosts, stepsWithin, timeToTrain } from './estimate.js';
import { type AdaptOptions, defaultFlow, type MeasuredEstimate, openAdaptation, settingsOf } from './openAdaptation.js';
import { isPrepared, preparedOnce, renewedOnce } from './preparedRecord.js';
import { openRecords } from './records.js';
import { usualSteps } from './rounds.js';
import { joinShards, preparedShards } from './shards.js';
import type { KeptFrames } from './training.js';
import { checkpointIn, claimWorkFolder, hasCheckpoint, keptRecord } from './workFolder.js';

/** What an adaptation came to. */
export interface AdaptResult extends Omit<AdaptedClip, 'weights'> {
  /** False when nothing safe made it steadier: the file then holds the original's weights. */
  readonly adapted: boolean;
  readonly model: string;
  readonly classes: ClassSet;
  readonly flow: string;
}

/** Frames of each input that must not be forgotten, spread over it. */
const MAX_KEPT_FRAMES = 200;

/**
 * Adapts a network to a clip and writes it: the same file with other numbers in its weights. Shards that `prepareAdaptation` left
 * beside the output are taken up.
 * @throws SteadysegError for inputs, a network or flow that cannot be used; UsageError for options that do not go together;
 * InterruptedError when the signal ended it, after which `resume` goes on.
 */
export async function adapt(options: AdaptOptions): Promise<AdaptResult> {
  const {
    model,
    out,
    inputs,
    labels,
    seed = 1,
    minutes,
    views,
    keep = [],
    threads,
    device,
    signal,
    onProgress,
  } = options;
  const began = performance.now();
  const spent = () => (performance.now() - began) / 1000;
  const work = `${out}.adapt`;
  const target = await linkedPath(out);
  await checkSingleOutputs([out], [model, ...inputs, ...keep, options.flow, labels?.path]);
  const { student, sources, images, size, total } = await openAdaptation(options);
  const classes = student.classes.count;
  const closers: (() => Promise<void>)[] = [];
  const settings = await settingsOf(options, sources);
  const shards = await preparedShards(out, settings);
  const lock = await claimWorkFolder(work, settings, options.resume ?? false);
  closers.push(() => lock.release());
  const wasPrepared = await isPrepared(work);
  try {
    const flow: FlowSource = await openFlowSource(options.flow ?? defaultFlow, { threads, cache: false });
    closers.push(() => flow.close());
    const costs = await measureCosts(student, images, { ...size, classes }, flow, {
      ...{ threads, device, views, frames: total },
      keeps: keep.length > 0,
    });
    // As many as planned when it began: a resumed adaptation ends in the same bytes, unless minutes end its training early.
    const steps = await keptSteps(join(work, 'steps.json'), () => plannedSteps(options, costs, total, spent()));
    const planned = withMemory(estimate(costs, total, steps, { ...size, classes }));
    options.onEstimate?.(planned);
    // What was planned on a quiet machine may take longer on a busy one: the training then ends early.
    const finish = minutes === undefined ? undefined : AbortSignal.timeout(timeToTrain(minutes, planned, spent()));
    const { weights, alpha, ...adapted } = await adaptToClip(student, {
      ...{ sources, size, total, flow, steps, seed, views, signal, finish, threads, device, onProgress },
      ...{ limit: options.limit, onNote: options.onNote, onJudged: options.onJudged },
      name: inputs.join(', '),
      folder: join(work, 'clip'),
      prepare: (clip) =>
        preparedOnce(work, clip, (asked) => (shards.length > 0 ? joinShards(shards, asked) : prepareClip(asked))),
      renewed: (clip, classWeights, renew) => renewedOnce(work, clip, classWeights, renew),
      checkpoint: (classWeights, round) => checkpointIn(work, classWeights, round, options.resume ?? false),
      // Minutes were planned for one.
      trainsAgain: minutes === undefined,
      labelled: async ({ stems }) => {
        if (!labels) return undefined;
        const found = await findLabelled(labels, stems, student.description.classes);
        options.onNote?.(labelledNote(found));
        return found;
      },
      general: options.aim === 'general',
      kept: keep.length > 0 ? (clip) => keptFrames(clip, options, work, closers) : undefined,
    });
    await writeFileWhole(target, student.toModel(weights, { size: [size.height, size.width], description: {} }));
    const otherwise = await otherwiseOf(out, student.description);
    if (otherwise.length > 0) options.onNote?.(otherwiseNote(out, otherwise));
    for (const folder of [work, ...shards.map((shard) => shard.folder)]) {
      await rm(folder, { recursive: true, force: true });
    }
    return {
      adapted: alpha > 0,
      ...{ alpha, ...adapted, model: out },
      classes: student.description.classes,
      flow: flow.name,
    };
  } catch (thrown) {
    const interrupted = signal?.aborted ?? false;
    // What was trained is kept for a resume, and what one begins with; before that, only an interruption is worth going on from.
    const worthless = !interrupted && !wasPrepared && !(await hasCheckpoint(work));
    if (worthless) await rm(work, { recursive: true, force: true });
    if (!interrupted || thrown instanceof InterruptedError) throw thrown;
    const when = (await hasCheckpoint(work)) ? 'between two stages' : 'before the first step';
    throw new InterruptedError(`ended ${when}; go on with --resume`, { cause: thrown });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** What of the result is taken in another way than of the original; nothing where what lies beside it cannot be read, which whoever uses it is told. */
async function otherwiseOf(out: string, original: NetworkDescription): Promise<string[]> {
  try {
    return understoodOtherwise(await findNetwork(out), original);
  } catch (thrown) {
    if (thrown instanceof SteadysegError) return [];
    throw thrown;
  }
}

function otherwiseNote(out: string, parts: readonly string[]): string {
  return `${out}: it does not say its ${parts.join(' and ')} itself: give it the options of this run, and put what may lie beside the original (preprocessor_config.json) beside it`;
}

function labelledNote({ frames, others }: LabelledFrames): string {
  const count = frames.length === 1 ? '1 labelled frame judges' : `${frames.length} labelled frames judge`;
  return `${count} how far the weights go${others > 0 ? `; ${others} labels belong to no frame` : ''}`;
}

/** What `adapt` would do. */
export interface AdaptPlan {
  readonly estimate: MeasuredEstimate;
  readonly size: Size;
  /** Weights that would train. */
  readonly weights: { readonly tensors: number; readonly count: number };
  readonly notes: readonly string[];
}

/** Measures what adapting would take, and writes nothing. @throws as `adapt` does for what cannot be adapted. */
export async function planAdaptation(options: AdaptOptions): Promise<AdaptPlan> {
  const { threads, device, views } = options;
  const notes: string[] = [];
  const { student, images, size, total } = await openAdaptation({ ...options, onNote: (note) => notes.push(note) });
  const measured = { ...size, classes: student.classes.count };
  const flow = await openFlowSource(options.flow ?? defaultFlow, { threads, cache: false });
  try {
    const keeps = (options.keep ?? []).length > 0;
    const costs = await measureCosts(student, images, measured, flow, { threads, device, views, keeps, frames: total });
    const trained = [...student.weights].filter(([name]) => student.trains?.(name));
    return {
      estimate: withMemory(estimate(costs, total, plannedSteps(options, costs, total), measured)),
      size,
      weights: { tensors: trained.length, count: trained.reduce((sum, [, { data }]) => sum + data.length, 0) },
      notes,
    };
  } finally {
    await flow.close();
  }
}

function withMemory(estimated: AdaptEstimate): MeasuredEstimate {
  // The largest while a step was measured; of kilobytes.
  return { ...estimated, memory: 1024 * process.resourceUsage().maxRSS };
}

/** So much of what is no number is shown. */
const MAX_SHOWN = 40;

/** @param spent seconds of the minutes that are gone. @throws UsageError when not even one step fits into the rest. */
function plannedSteps({ steps: asked, minutes }: AdaptOptions, costs: AdaptCosts, frames: number, spent = 0): number {
  const steps = asked ?? usualSteps(frames);
  if (minutes === undefined) return steps;
  const fitting = stepsWithin(minutes - spent / 60, costs, frames, steps);
  if (fitting > 0) return fitting;
  const { seconds, stages } = estimate(costs, frames, steps, { height: 0, width: 0, classes: 0 });
  const least = (spent + seconds - stages.steps - stages.refinement + costs.unsettledStep) / 60;
  throw new UsageError(
    `expected at least ${Math.ceil(least)} minutes for ${frames} frames, found ${minutes}: give more minutes, or fewer frames (limit)`,
  );
}

/** Steps that were planned when the adaptation began. @throws SteadysegError for a file that holds no such number. */
async function keptSteps(path: string, plan: () => number): Promise<number> {
  const text = await keptRecord(path, () => String(plan()));
  const steps = Number(text);
  if (Number.isSafeInteger(steps) && steps > 0) return steps;
  throw new SteadysegError(`${path}: expected a number of steps, found ${JSON.stringify(text.slice(0, MAX_SHOWN))}`);
}

/** Of so many frames that must not be forgotten, one is held back to tell what was; of fewer, all train and tell. */
const keptHeldEvery = 5;

/** Frames of what must not be forgotten. */
async function keptFrames(
  clip: PreparedClip,
  { keep = [], onNote }: Pick<AdaptOptions, 'keep' | 'onNote'>,
  work: string,
  closers: (() => Promise<void>)[],
): Promise<{ training: KeptFrames; held: KeptFrames }> {
  const records = await openRecords(join(work, 'clip'), 'kept', 3 * clip.height * clip.width);
  closers.push(() => records.close());
  let kept = 0;
  for (const input of keep) {
    const source = await openFrames(input);
    const step = Math.max(1, Math.ceil((await frameCount(source)) / MAX_KEPT_FRAMES));
    for await (const { image } of source.frames({ wanted: (index) => index % step === 0 })) {
      if (kept >= MAX_KEPT_FRAMES * keep.length) break;
      await records.write(kept++, framePlanes(image, clip));
    }
  }
  if (kept === 0) throw new SteadysegError(`${keep.join(', ')}: expected frames to keep to, found none`);
  if (kept < keptHeldEvery) {
    onNote?.(
      `${kept === 1 ? '1 frame' : `${kept} frames`} of what is kept are too few to hold some back: what is told of them is of those that train`,
    );
  }
  const all = Array.from({ length: kept }, (_, index) => index);
  const isHeld = (index: number) => index % keptHeldEvery === keptHeldEvery - 1;
  const of = (indices: readonly number[]) => ({
    count: indices.length,
    read: (index: number) => records.read(indices[index]),
  });
  return kept < keptHeldEvery
    ? { training: of(all), held: of(all) }
    : { training: of(all.filter((index) => !isHeld(index))), held: of(all.filter(isHeld)) };
}
