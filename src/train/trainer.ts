// Trains a network by a configuration in a run folder: steps, validation, checkpoints, resume. It reports through callbacks.
import { dirname } from 'node:path';
import { InterruptedError, SteadysegError, TerminatedError, UsageError } from '../base/errors.js';
import { ensureFolder, exists, syncFile, syncFolder, writeFileWhole } from '../base/files.js';
import { lockFolder } from '../base/lock.js';
import { checkNothingThere } from '../base/outputFile.js';
import type { Shard } from '../base/shard.js';
import { type Collective, oneRank } from '../collective/collective.js';
import type { Dataset } from '../data/dataset.js';
import type { Batch, Loader } from '../data/loader.js';
import type { FlowSource } from '../flow/source.js';
import { elementCount, type Tensor } from '../tensor/tensor.js';
import { averageOverRanks, checkSameState, shareState } from './acrossRanks.js';
import { type BatchFlow, batchFlow, openMotionFlow } from './batchFlow.js';
import { checkClasses } from './checkClasses.js';
import { checkLabels } from './checkLabels.js';
import { type Best, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { decidingChanges, oneRankConfig, type TrainingConfig } from './config.js';
import { configuredStep, configuredTeacher } from './configuredStep.js';
import { configuredStudent } from './configuredStudent.js';
import { feedsOf } from './feeds.js';
import type { OwnLoss } from './lossTable.js';
import { describeTrained } from './modelDescription.js';
import { openStepper } from './openStepper.js';
import { createOptimizer } from './optimizer.js';
import {
  appendMetrics,
  readMetrics,
  readRunConfig,
  rewriteMetrics,
  runFiles,
  type StepRecord,
  type ValidationRecord,
} from './runFolder.js';
import { checkSameRun } from './sameRun.js';
import { learningRate } from './schedule.js';
import { createTrainingState, resultingParameters, type TrainingState, trainedWeights } from './state.js';
import type { TrainingStep } from './step.js';
import type { Stepper } from './stepper.js';
import type { Student } from './student.js';
import type { Teacher } from './teacher.js';
import { type OwnDatasets, openLoader, openTrainingData, type TrainingData } from './trainingData.js';
import type { ValidateOptions, Validation } from './validate.js';
import { validateRun } from './validateRun.js';

/** What `train` takes. */
export interface TrainOptions {
  readonly config: TrainingConfig;
  /** A network of the caller's in place of the one that `config.network` describes. */
  readonly student?: Student | undefined;
  /** Datasets of the caller's, for the parts of the configuration whose layout is `own`. */
  readonly datasets?: OwnDatasets | undefined;
  /**
   * Losses of the caller's, beside those of the configuration. A run folder does not hold them: give the same to resume.
   */
  readonly losses?: readonly OwnLoss[] | undefined;
  /**
   * The ranks that train together, each with `config.batch` samples of a batch (SPEC section 12); default: this process alone.
   * Rank 0 validates, writes and reports. One that fails leaves the others waiting: end them, as a process that joined by MPI does.
   */
  readonly collective?: Collective | undefined;
  /** The run folder; it must not hold a run yet, unless `resume` is set. */
  readonly out: string;
  /** Goes on from the folder's last checkpoint; begins when there is none. */
  readonly resume?: boolean | undefined;
  /**
   * Ends all ranks after the step under way, with a checkpoint, or before the first step, with nothing written; `train` then throws
   * InterruptedError, or TerminatedError where that is the signal's reason.
   */
  readonly signal?: AbortSignal | undefined;
  /** Before the first step. */
  readonly onStart?: ((info: RunStart) => void | Promise<void>) | undefined;
  /** After each step. */
  readonly onStep?: ((record: StepRecord) => void) | undefined;
  /** Told of labels that hardly teach anything, and when the teacher's cache can no longer be written; the run goes on. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** After each validation. */
  readonly onValidation?: ((record: ValidationRecord) => void | Promise<void>) | undefined;
  /** Each frame of a validation, by its place among so many. */
  readonly onValidatedFrame?: ValidateOptions['onFrame'];
  /** At every ending after `onStart`, also by an interrupt or a failure, while nobody else may write to the folder. */
  readonly onEnd?: (() => void | Promise<void>) | undefined;
}

/** What a run begins with. */
export interface RunStart {
  /** Steps done before, when resumed. */
  readonly step: number;
  readonly steps: number;
  readonly samples: number;
  readonly parameters: number;
  readonly dataset: Dataset;
}

/** What a run ended with. */
export interface RunResult {
  readonly steps: number;
  readonly model: string;
  readonly validation?: ValidationRecord | undefined;
  readonly best?: { readonly step: number; readonly mIoU: number } | undefined;
  /** Share of the time that steps waited for data, of the steps of this process. */
  readonly waitedShare: number;
}

/** A loss this many times the smallest one so far is an explosion, not noise. */
const explosion = 1000;
/** A batch in which next to nothing is labelled has a loss near 0; what follows is then no explosion. */
const smallestUsualLoss = 0.1;

/**
 * Trains. The same configuration gives the same weights bit for bit on one machine, also across interrupts and resumes:
 * every random draw follows from the seed and the step.
 *
 * @throws SteadysegError when data, weights or folder cannot be used, or when the loss is no longer a number; what was
 * trained up to the last checkpoint is kept. InterruptedError when the signal ended it.
 */
export async function train(options: TrainOptions): Promise<RunResult> {
  const { out, resume = false, collective = oneRank } = options;
  const config = oneRankConfig(options.config, collective.size);
  const leads = collective.rank === 0;
  const files = runFiles(out);
  if (leads) await checkFolder(files, config, resume);
  const closers: Closer[] = [];
  try {
    // Nothing is written before everything was opened: a corrected command just runs.
    const run = await openRun(leads ? options : { ...options, onWarning: undefined }, collective, closers);
    if (leads) {
      await ensureFolder(out);
      const lock = await lockFolder(files.lock, 'training in this folder');
      closers.push(() => lock.release());
      await checkFolder(files, config, resume);
      await writeFileWhole(files.config, `${JSON.stringify(config, undefined, 2)}\n`);
    }
    return await toTheEnd(options, leads, async () => {
      const { validation, best, waitedShare } = await takeSteps(run, options);
      if (leads) await writeFileWhole(files.model, modelOf(run, config.crop, validation?.validation));
      return {
        steps: run.state.step,
        model: files.model,
        validation,
        best: best && { step: best.step, mIoU: best.mIoU },
        waitedShare,
      };
    });
  } finally {
    // What was opened last is freed first: the folder is unlocked when nothing writes to it any more.
    for (const close of closers.reverse()) await close();
  }
}

/** Tells of the end also where the work fails; what that throws then goes before what the listener throws. */
async function toTheEnd<Result>({ onEnd }: TrainOptions, leads: boolean, work: () => Promise<Result>): Promise<Result> {
  const end = async () => leads && onEnd?.();
  const result = await work().catch(async (thrown: unknown) => {
    await end().catch(() => {});
    throw thrown;
  });
  await end();
  return result;
}

/**
 * The folder of a run is known by its configuration, and a new one replaces nothing. The configuration of a resumed run may
 * differ in what does not change the weights of the steps done.
 */
async function checkFolder(
  { config: path, lock: _, ...others }: ReturnType<typeof runFiles>,
  config: TrainingConfig,
  resume: boolean,
): Promise<void> {
  if (!(await exists(path))) return await checkNothingThere([path, ...Object.values(others)]);
  if (!resume) {
    throw new SteadysegError(`${path}: there is a run in this folder; go on with --resume, or choose another folder`);
  }
  const changed = decidingChanges(await readRunConfig(path), config);
  if (changed.length > 0) {
    throw new SteadysegError(
      `${path}: the run was begun with another configuration (${changed.join(', ')}); resume with the same`,
    );
  }
}

/** The network of a run as it is now, for frames of a size. @param validation what was found of it. */
function modelOf(
  { config, student, state, data }: Run,
  size: readonly [height: number, width: number],
  validation?: Validation | undefined,
): Uint8Array {
  const description = describeTrained(config, data.dataset.classes, state.step, validation);
  return student.toModel(resultingParameters(state), { size, description });
}

type Closer = () => Promise<void>;

/** What steps are made of. */
interface Run {
  readonly config: TrainingConfig;
  readonly collective: Collective;
  readonly student: Student;
  readonly data: TrainingData;
  /** Of the motion loss. */
  readonly flow: BatchFlow | undefined;
  /** What computes flow, where it is not the dataset's. */
  readonly flowSource: FlowSource | undefined;
  readonly teacher: Teacher | undefined;
  readonly step: TrainingStep;
  readonly state: TrainingState;
  readonly stepper: Stepper;
  readonly loader: Loader;
}

/** Everything of a run, with fresh weights. @param closers is given what frees it, also when a later part cannot be opened. */
async function openRun(
  { config, student: given, datasets, losses, onWarning, signal }: TrainOptions,
  collective: Collective,
  closers: Closer[],
): Promise<Run> {
  const { device, threads } = config;
  const data = await openTrainingData(config, datasets, losses);
  await checkLabels(config, data, losses ?? [], (message) => onWarning?.(message));
  await endBeforeSteps(signal, collective);
  const student = given ?? (await configuredStudent(config, data.dataset.classes.classes));
  checkClasses(student, data.dataset.classes, (message) => onWarning?.(message));
  const flowSource = await openMotionFlow(config.motion.flow, threads);
  if (flowSource) closers.push(() => flowSource.close());
  const wantsFlow = config.losses.motion > 0 || losses?.some((loss) => loss.needsFlow);
  const flow = wantsFlow ? batchFlow(flowSource) : undefined;
  const teacher = await configuredTeacher(config, data, onWarning, losses);
  if (teacher) closers.push(() => teacher.close());
  const step = configuredStep(config, student, data, teacher, losses, collective.size);
  if (step.model.graph.inputs.some(({ name }) => name === 'flow') !== (flow !== undefined)) {
    throw new UsageError('losses: expected needsFlow of one that uses the flow, and of no other');
  }
  const { headFactor = config.network.backbone ? 10 : 1, ...optimizerOptions } = config.optimizer;
  const heads = { includes: (name: string) => student.isHead?.(name) ?? false, factor: headFactor };
  const optimizer = createOptimizer(optimizerOptions, trainedWeights(step), heads);
  const state = createTrainingState(step, optimizer, config.seed, student.weights);
  const stepper = await openStepper(step, optimizer, state, collective, { device, threads });
  closers.push(() => stepper.release());
  await endBeforeSteps(signal, collective);
  await checkSameRun({ config, data, state }, collective);
  const loader = openLoader(config, data, step.frames.length, flow?.given ?? false, shardOf(collective));
  closers.push(() => loader.close());
  return { config, collective, student, data, flow, flowSource, teacher, step, state, stepper, loader };
}

/** Which samples of a batch are a rank's. */
function shardOf({ rank, size }: Collective): Shard {
  return { index: rank, count: size };
}

/** What comes of the steps besides weights. */
interface Outcome {
  validation: ValidationRecord | undefined;
  best: Best | undefined;
  waitedShare: number;
}

/** All steps that are left, from the last checkpoint on. Of several ranks, the first also writes, validates and reports. */
async function takeSteps(run: Run, options: TrainOptions): Promise<Outcome> {
  const { config, collective, state } = run;
  const { steps, checkpointEvery } = config;
  const leads = collective.rank === 0;
  const files = runFiles(options.out);
  const outcome: Outcome = { validation: undefined, best: undefined, waitedShare: 0 };
  if (leads) await begin(run, options, outcome);
  await shareState(state, collective);

  let smallest = Number.POSITIVE_INFINITY;
  let [busy, waited] = [0, 0];
  const batches = run.loader.batches({ epoch: 0, step: state.step * config.accumulate });
  while (state.step < steps) {
    const { record, ending: agreed } = await runStep(run, batches, options.signal);
    smallest = Math.min(smallest, record.losses.loss);
    await refuseExplosion(record, smallest, files.last);
    busy += record.milliseconds;
    waited += record.waited;
    outcome.waitedShare = waited / busy;
    if (leads) {
      await appendMetrics(files.metrics, record);
      options.onStep?.(record);
    }

    // What several ranks do, they agree on within the step.
    const ending = collective.size === 1 ? wayToEnd(options.signal) : agreed;
    const last = state.step === steps;
    const validated = isValidated(config, state.step);
    if (last || validated || ending || state.step % checkpointEvery === 0) {
      await run.stepper.settle();
      refuseBrokenWeights(state);
      await checkSameState(state, collective);
      if (leads) await saveCheckpoint(files.last, files, run, outcome.best);
    }
    if (leads && validated) await addValidation(run, options, outcome);
    if (leads && !validated && (last || ending)) await writeFileWhole(files.lastModel, modelOf(run, config.crop));
    if (ending && !last) throw new ending(`ended at step ${state.step} of ${steps}; go on with --resume`);
  }
  return outcome;
}

/** What comes before the first step: the last checkpoint, the log up to it, a validation that is due. */
async function begin(run: Run, options: TrainOptions, outcome: Outcome): Promise<void> {
  const { config, collective, data, state } = run;
  const files = runFiles(options.out);
  const resumed = options.resume && (await exists(files.last));
  if (resumed) {
    const { best, ranks = 1 } = await readCheckpoint(files.last, state);
    if (config.statistics === 'local' && ranks !== collective.size) {
      throw new SteadysegError(
        `${files.last}: with statistics: local, expected as many ranks as before (${ranks}), found ${collective.size}`,
      );
    }
    outcome.best = best;
  }
  // A checkpoint comes before the validation of its step, which is therefore done, or done again, on a resume.
  // So is one that the log holds and the configuration no longer asks for: else the best would be forgotten.
  const records = resumed ? await readMetrics(files.metrics, state.step) : [];
  const logged = records.some((record) => 'validation' in record && record.step === state.step);
  const again = isValidated(config, state.step) || (logged && config.validation !== undefined);
  await rewriteMetrics(
    files.metrics,
    records.filter((record) => 'losses' in record || record.step < state.step || !again),
  );
  await options.onStart?.({
    step: state.step,
    steps: config.steps,
    samples: data.dataset.count,
    parameters: countWeights(run),
    dataset: data.dataset,
  });
  if (again) await addValidation(run, options, outcome);
}

/** Whether a validation follows a step. */
function isValidated({ steps, validation }: TrainingConfig, step: number): boolean {
  return validation !== undefined && step > 0 && (step === steps || step % validation.every === 0);
}

/** Validates the network as it is now, and keeps the best one. */
async function addValidation(run: Run, options: TrainOptions, outcome: Outcome): Promise<void> {
  const { config, data, state, student, flowSource } = run;
  const { held } = data;
  if (!held || !config.validation) return;
  const files = runFiles(options.out);
  const network = { student, toModel: (size: readonly [number, number]) => modelOf(run, size), step: state.step };
  const record = await validateRun(config, network, held, { flowSource, onFrame: options.onValidatedFrame });
  outcome.validation = record;
  await appendMetrics(files.metrics, record);
  await options.onValidation?.(record);
  const model = modelOf(run, config.crop, record.validation);
  await writeFileWhole(files.lastModel, model);
  const { every: _, ...measured } = config.validation;
  const frames = JSON.stringify(measured);
  const { mIoU } = record.validation;
  const { best } = outcome;
  if (Number.isNaN(mIoU) || (best?.frames === frames && best.mIoU >= mIoU)) return;
  outcome.best = { step: state.step, mIoU, frames };
  await saveCheckpoint(files.best, files, run, outcome.best);
  await writeFileWhole(files.bestModel, model);
}

/** What a signal says about how a run is to end. */
function wayToEnd(signal: AbortSignal | undefined): typeof InterruptedError | undefined {
  if (!signal?.aborted) return undefined;
  return signal.reason instanceof TerminatedError ? TerminatedError : InterruptedError;
}

/** @throws InterruptedError or TerminatedError on all ranks, where any rank's signal says so. */
async function endBeforeSteps(signal: AbortSignal | undefined, collective: Collective): Promise<void> {
  const ways = [TerminatedError, InterruptedError];
  const own = wayToEnd(signal);
  const asked = await collective.gather(own ? String(ways.indexOf(own)) : '');
  const ending = ways.find((_, k) => asked.includes(String(k)));
  if (ending)
    throw new ending('ended before the first step; nothing was written, and the same command begins it again');
}

/** One update: batches, gradients, weights. @returns also how the run is to end, where any rank's signal says so. */
async function runStep(
  run: Run,
  batches: AsyncGenerator<Batch, never, void>,
  signal: AbortSignal | undefined,
): Promise<{ record: StepRecord; ending: typeof InterruptedError | undefined }> {
  const { config, collective, step, state, stepper } = run;
  const dropout = { rate: config.dropout, seed: config.seed };
  const started = performance.now();
  const feeds: Record<string, Tensor>[] = [];
  const used: Batch[] = [];
  let waited = 0;
  for (let i = 0; i < config.accumulate; i++) {
    const { value: batch } = await batches.next();
    waited += batch.waitedMilliseconds;
    used.push(batch);
    const draw = state.step * config.accumulate + i;
    feeds.push(await feedsOf({ ...run, dropout, shard: shardOf(collective) }, batch, draw));
  }
  const own = await stepper.compute(feeds);
  for (const batch of used) batch.release();
  const asked = wayToEnd(signal);
  const ends = [InterruptedError, TerminatedError].map((way) => (asked === way ? 1 : 0));
  const { losses, gradients, counts } = await averageOverRanks(own, step, state, ends, collective, config.compress);
  const [interrupted, terminated] = counts;
  const rate = learningRate(config.optimizer, state.step, config.steps);
  const lossScale = state.lossScale?.factor;
  await stepper.apply(gradients, rate);
  const milliseconds = performance.now() - started;
  return {
    record: { step: state.step, time: Date.now() / 1000, losses, rate, milliseconds, waited, lossScale },
    ending: terminated > 0 ? TerminatedError : interrupted > 0 ? InterruptedError : undefined,
  };
}

/** Writes a checkpoint; what it knows is in the logs, also when the power fails. */
async function saveCheckpoint(
  path: string,
  files: ReturnType<typeof runFiles>,
  { state, collective }: Run,
  best: Best | undefined,
): Promise<void> {
  for (const log of [files.metrics, files.events]) await syncFile(log);
  await writeCheckpoint(path, state, best, collective.size);
  for (const folder of new Set([dirname(files.metrics), dirname(path)])) await syncFolder(folder);
}

/** Stops a run that has gone wrong, before a checkpoint could keep it. */
async function refuseExplosion(
  { step, losses, lossScale }: StepRecord,
  smallest: number,
  checkpoint: string,
): Promise<void> {
  const broken = Object.entries(losses).find(([, value]) => !Number.isFinite(value));
  const exploded = losses.loss > explosion * Math.max(smallest, smallestUsualLoss);
  if (!broken && !exploded) return;
  const cause = broken
    ? `the ${broken[0] === 'loss' ? 'total' : broken[0]} loss became ${broken[1]}`
    : `the loss rose to ${losses.loss.toPrecision(4)} from ${smallest.toPrecision(4)}`;
  const wider = lossScale === undefined ? '' : ' or train with precision: float32';
  const kept = (await exists(checkpoint)) ? `the last good checkpoint is ${checkpoint}` : 'there is no checkpoint yet';
  throw new SteadysegError(`step ${step}: ${cause}; lower optimizer.rate${wider}; ${kept}`);
}

/** A gradient may break weights whose loss was still a number: those never become a checkpoint. */
function refuseBrokenWeights(state: TrainingState): void {
  for (const [name, { data }] of state.parameters) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0)
      throw new SteadysegError(`step ${state.step}: the weight ${name} became ${data[at]}; lower optimizer.rate`);
  }
}

function countWeights({ step }: Run): number {
  return [...trainedWeights(step).values()].reduce((sum, shape) => sum + elementCount(shape), 0);
}
