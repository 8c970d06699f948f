// Trains a network by a configuration in a run folder: steps, validation, checkpoints, resume. It reports through callbacks.
import { basename } from 'node:path';
import { InterruptedError, SteadysegError, UsageError } from '../base/errors.js';
import { ensureFolder, exists, readFileBounded, writeFileWhole } from '../base/files.js';
import { lockFolder } from '../base/lock.js';
import type { Dataset } from '../data/dataset.js';
import { openDataset } from '../data/datasets.js';
import { createDecoder } from '../data/decode.js';
import { type Batch, createLoader, type Loader, type LoaderOptions } from '../data/loader.js';
import { rangeOf, withoutLabels } from '../data/selection.js';
import { cityscapesClassWeights } from '../losses/crossEntropy.js';
import { convLstmName } from '../losses/multiFrame.js';
import { type ClassSet, presetClasses, presetNames } from '../media/classes.js';
import { readClassesFile } from '../media/classesFile.js';
import { buildModel } from '../nets/model.js';
import { isAuxiliary, weightsOfModel } from '../nets/networkWeights.js';
import { readModelFile, writeModelFile } from '../onnx/modelFile.js';
import { writeModel } from '../onnx/write.js';
import { createSession, type Session } from '../runtime/session.js';
import { loadModel } from '../segment/loadModel.js';
import type { Tensor } from '../tensor/tensor.js';
import { loadBackbone } from '../weights/backbone.js';
import { readStateDict } from '../weights/openWeights.js';
import { loadStateDict } from '../weights/stateDict.js';
import { type BatchFlow, batchFlow } from './batchFlow.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { mapClasses } from './classMap.js';
import { fingerprintOf, type TrainingConfig } from './config.js';
import { feedsOf } from './feeds.js';
import { framesFor, needsTeacher } from './lossTable.js';
import {
  appendMetrics,
  readMetrics,
  rewriteMetrics,
  runFiles,
  type StepRecord,
  type ValidationRecord,
} from './runFolder.js';
import { polynomialRate } from './schedule.js';
import { applyGradients, computeGradients, createTrainingState, type TrainingState } from './state.js';
import { buildTrainingStep, type TrainingStep } from './step.js';
import { openTeacher, type Teacher } from './teacher.js';
import { type ValidatedFrame, validate } from './validate.js';

export interface TrainOptions {
  readonly config: TrainingConfig;
  /** The run folder; it must not hold a run yet, unless `resume` is set. */
  readonly out: string;
  /** Goes on from the folder's last checkpoint; begins when there is none. */
  readonly resume?: boolean | undefined;
  /** Ends after the step under way, with a checkpoint; `train` then throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
  readonly onStart?: ((info: RunStart) => void | Promise<void>) | undefined;
  readonly onStep?: ((record: StepRecord) => void) | undefined;
  readonly onValidation?: ((record: ValidationRecord) => void) | undefined;
  /** Frames of the last validation. */
  readonly onValidatedFrame?: ((frame: ValidatedFrame, index: number) => void) | undefined;
}

export interface RunStart {
  /** Steps done before, when resumed. */
  readonly step: number;
  readonly steps: number;
  readonly samples: number;
  readonly parameters: number;
  readonly dataset: Dataset;
}

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

/** Heads that learn faster than a pretrained backbone. */
const isHead = (name: string) => /^(ppm|cls|aux)\./.test(name);

/**
 * Trains. The same configuration gives the same weights bit for bit on one machine, also across interrupts and resumes:
 * every random draw follows from the seed and the step.
 *
 * @throws SteadysegError when data, weights or folder cannot be used, or when the loss is no longer a number; what was
 * trained up to the last checkpoint is kept. InterruptedError when the signal ended it.
 */
export async function train(options: TrainOptions): Promise<RunResult> {
  const { config, out } = options;
  const files = runFiles(out);
  await ensureFolder(out);
  const unlock = await lockFolder(files.lock, 'training in this folder');
  try {
    await claimFolder(files.config, config, options.resume ?? false);
    return await trainInFolder(options);
  } finally {
    await unlock();
  }
}

/** A new run writes its configuration; a resumed one must have the same. */
async function claimFolder(path: string, config: TrainingConfig, resume: boolean): Promise<void> {
  if (await exists(path)) {
    if (!resume)
      throw new SteadysegError(`${path}: there is a run in this folder; go on with --resume, or choose another folder`);
    const before: TrainingConfig = JSON.parse(new TextDecoder().decode(await readFileBounded(path, 2 ** 20)));
    if (fingerprintOf(before) !== fingerprintOf(config)) {
      const changed = Object.keys(config).filter(
        (name) =>
          JSON.stringify(config[name as keyof TrainingConfig]) !== JSON.stringify(before[name as keyof TrainingConfig]),
      );
      throw new SteadysegError(
        `${path}: the run was begun with another configuration (${changed.join(', ')}); resume with the same`,
      );
    }
  }
  await writeFileWhole(path, `${JSON.stringify(config, undefined, 2)}\n`);
}

async function trainInFolder(options: TrainOptions): Promise<RunResult> {
  const { config, out, signal } = options;
  const files = runFiles(out);
  const dataset = await openTrainingData(config.data, 'train');
  const held = config.validation && (await openTrainingData(validationData(config.data, config.validation), 'val'));
  const extra = await openExtra(config, dataset);
  const flow = config.losses.motion > 0 ? await batchFlow(config.motion.flow, config.threads) : undefined;
  const withNeighbours = samplesWithNeighbours(config, dataset, extra);
  const teacher = await openTeacherOf(config, dataset, withNeighbours);
  const step = buildStep(config, dataset, withNeighbours, flow, teacher);
  const session = await createSession(writeModel(step.model), {
    device: config.device,
    threads: config.threads,
    // Rewriting pays for inference; a training graph runs faster as it is built.
    optimization: 'disabled',
    memoryPattern: false,
    source: 'the training step',
  });
  const state = createTrainingState(step, config.seed, await initialWeights(config, step));
  let best: RunResult['best'];
  const resumed = options.resume && (await exists(files.last));
  if (resumed) best = (await readCheckpoint(files.last, state)).best;
  await rewriteMetrics(files.metrics, resumed ? await readMetrics(files.metrics, state.step) : []);

  const loader = openLoader(config, dataset, extra, step, flow);
  const run: Run = { options, step, session, state, dataset, held, flow, teacher };
  await options.onStart?.({
    step: state.step,
    steps: config.steps,
    samples: dataset.count,
    parameters: countWeights(state, step),
    dataset,
  });
  let smallest = Number.POSITIVE_INFINITY;
  let [busy, waited] = [0, 0];
  let validation: ValidationRecord | undefined;
  try {
    const batches = loader.batches(positionOf(state.step * config.accumulate, loader.stepsPerEpoch));
    while (state.step < config.steps) {
      const record = await runStep(run, batches);
      smallest = Math.min(smallest, record.losses.loss);
      await refuseExplosion(record, smallest, files.last);
      busy += record.milliseconds;
      waited += record.waited;
      await appendMetrics(files.metrics, record);
      options.onStep?.(record);

      const last = state.step === config.steps;
      if (held && config.validation && (last || state.step % config.validation.every === 0)) {
        validation = await validateRun(run, held, last);
        await appendMetrics(files.metrics, validation);
        options.onValidation?.(validation);
        const { mIoU } = validation.validation;
        if (!best || mIoU > best.mIoU) {
          best = { step: state.step, mIoU };
          await writeCheckpoint(files.best, state, { fingerprint: fingerprintOf(config), best });
        }
      }
      const interrupted = signal?.aborted ?? false;
      if (last || interrupted || state.step % config.checkpointEvery === 0) {
        refuseBrokenWeights(state);
        await writeCheckpoint(files.last, state, { fingerprint: fingerprintOf(config), best });
      }
      if (interrupted && !last)
        throw new InterruptedError(`ended at step ${state.step} of ${config.steps}; go on with --resume`);
    }
    // Resumed after its last step: the model and the report tell of its validation all the same.
    if (held && !validation) validation = await validateRun(run, held, true);
  } finally {
    await Promise.all([loader.close(), flow?.close(), teacher?.close(), session.release()]);
  }
  await writeModelFile(files.model, trainedModel(run, config.crop, validation));
  return { steps: state.step, model: files.model, validation, best, waitedShare: busy > 0 ? waited / busy : 0 };
}

interface Run {
  readonly options: TrainOptions;
  readonly step: TrainingStep;
  readonly session: Session;
  readonly state: TrainingState;
  readonly dataset: Dataset;
  readonly held: Dataset | undefined;
  readonly flow: BatchFlow | undefined;
  readonly teacher: Teacher | undefined;
}

type DataConfig = Omit<TrainingConfig['data'], 'extra'>;

async function openTrainingData(data: DataConfig, fallbackSplit: string, inherited?: ClassSet): Promise<Dataset> {
  const { layout, root, split = fallbackSplit, classes, flow, range } = data;
  const classSet =
    classes === undefined
      ? inherited
      : presetNames.includes(classes)
        ? presetClasses(classes)
        : await readClassesFile(classes);
  const dataset = await openDataset(layout, { root, split, classes: classSet, flow });
  return range ? rangeOf(dataset, ...range) : dataset;
}

/** What validation leaves out is taken from the training data, but for the part of it. */
function validationData(data: DataConfig, validation: NonNullable<TrainingConfig['validation']>): DataConfig {
  const { layout = data.layout, root = data.root, classes = data.classes, flow = data.flow, split, range } = validation;
  return { layout, root, classes, flow, split, range };
}

/** The samples that every batch has some of. */
async function openExtra(
  { data: { extra }, batch }: TrainingConfig,
  { classes }: Dataset,
): Promise<LoaderOptions['extra']> {
  if (!extra) return undefined;
  const { perBatch, labels } = extra;
  if (perBatch >= batch) {
    throw new UsageError(`data.extra.perBatch: expected less than the batch of ${batch}, found ${perBatch}`);
  }
  const dataset = await openTrainingData(extra, 'train', classes);
  if (dataset.classes.classes.length !== classes.classes.length) {
    throw new UsageError(
      `data.extra.classes: expected the ${classes.classes.length} classes of the data, found ${dataset.classes.classes.length}`,
    );
  }
  return { dataset: labels ? dataset : withoutLabels(dataset), perBatch };
}

/**
 * How many samples of a batch, the last ones, may have neighbours: where none of the labelled frames does (CamVid's are a
 * second apart), the student runs on no other frames than those around the extra samples.
 * @throws UsageError when losses compare frames, and none has a neighbour.
 */
function samplesWithNeighbours(config: TrainingConfig, dataset: Dataset, extra: LoaderOptions['extra']): number {
  const { batch, gap } = config;
  const distances = Array.from({ length: gap }, (_, k) => k + 1);
  const hasNeighbours = ({ count, sample }: Dataset) => {
    for (let index = 0; index < count; index++) {
      const { neighbour } = sample(index);
      if (distances.some((k) => neighbour(k) || neighbour(-k))) return true;
    }
    return false;
  };
  if (framesFor(config.losses, config.frames) === 1 || hasNeighbours(dataset)) return batch;
  if (extra && hasNeighbours(extra.dataset)) return extra.perBatch;
  throw new UsageError(
    `${dataset.name}: expected frames with neighbours within the gap of ${gap}, found none: give unlabelled ones as data.extra, or set frames: 1`,
  );
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The teacher, when a loss asks for one. */
async function openTeacherOf(
  { teacher, ...config }: TrainingConfig,
  dataset: Dataset,
  withNeighbours: number,
): Promise<Teacher | undefined> {
  if (!needsTeacher(config.losses)) return undefined;
  if (!teacher) throw new UsageError('expected teacher.model (.onnx) for the distillation losses, found none');
  const { model, features, classMap: _, cache, ...preprocessing } = teacher;
  if (cache !== undefined) await checkUnchanged(config, dataset);
  const [height, width] = config.crop;
  const { on } = config.distillation;
  return openTeacher({
    ...preprocessing,
    path: model,
    cache,
    // Of all frames, whole batches or those that have neighbours.
    batch: greatestCommonDivisor(config.batch, withNeighbours),
    crop: { height, width },
    features: on === 'logits' ? undefined : (features ?? on),
    threads: config.threads,
    device: config.device,
  });
}

/** @throws UsageError when frames are not the same every time: what is kept of them would be of no use and without end. */
async function checkUnchanged({ augmentation, crop }: Pick<TrainingConfig, 'augmentation' | 'crop'>, dataset: Dataset) {
  const { scale, rotationProbability, blurProbability, flipProbability } = augmentation;
  if (scale[0] !== 1 || scale[1] !== 1 || rotationProbability + blurProbability + flipProbability > 0) {
    throw new UsageError(
      'teacher.cache: expected frames that are the same every time (augmentation.scale [1, 1], rotationProbability, blurProbability and flipProbability 0), found augmented ones',
    );
  }
  const { name, frame } = dataset.sample(0);
  const { height, width } = await createDecoder({ get: () => undefined, put: () => {} }).image(frame);
  if (height > crop[0] || width > crop[1]) {
    throw new UsageError(
      `teacher.cache: expected crops of whole frames, found crop ${crop[0]}×${crop[1]} and ${name} of ${height}×${width}`,
    );
  }
}

function buildStep(
  config: TrainingConfig,
  dataset: Dataset,
  withNeighbours: number,
  flow: BatchFlow | undefined,
  teacher: Teacher | undefined,
): TrainingStep {
  const { classWeights, losses, crop, network, distillation } = config;
  const { classes } = dataset.classes;
  return buildTrainingStep({
    architecture: network.architecture,
    widthMultiplier: network.widthMultiplier,
    classes: classes.length,
    batch: config.batch,
    height: crop[0],
    width: crop[1],
    dropout: config.dropout > 0,
    segmentation: {
      classWeights:
        classWeights === 'none' ? undefined : classWeights === 'cityscapes' ? cityscapesClassWeights : classWeights,
      auxiliaryWeight: losses.auxiliary,
      mining: config.mining,
    },
    losses,
    frames: config.frames,
    withNeighbours,
    motion: config.motion,
    distillation,
    teacher: teacher && {
      shapes: teacher.shapes,
      classMap: comparesClasses(config)
        ? mapClasses(
            teacher.classes,
            { count: classes.length, names: classes },
            config.teacher?.classMap,
            config.teacher?.model ?? '',
          )
        : undefined,
      on: distillation.on,
    },
    flowValidity: flow !== undefined,
    sampleWeights: true,
  });
}

/** Whether a loss compares the teacher's classes with the student's; similarities of positions do not. */
function comparesClasses({ losses, distillation }: TrainingConfig): boolean {
  const rawMaps = losses.multiFrame > 0 && distillation.multiFrame === 'trained' && distillation.on === 'logits';
  return losses.pixel > 0 || rawMaps;
}

/** Weights of the whole network, or of its backbone. @throws SteadysegError when they do not fit the network. */
async function initialWeights({ network }: TrainingConfig, step: TrainingStep): Promise<Map<string, Tensor>> {
  const expected = new Map(
    [...step.graph.parameters]
      .filter(([name]) => !name.startsWith(`${convLstmName}.`))
      .map(([name, { value }]) => [name, { dtype: value.dtype, shape: value.shape }]),
  );
  if (network.weights) {
    const given = await givenWeights(network.weights);
    // Models made for use have no auxiliary head, which only training needs: it begins anew.
    const hasAuxiliary = [...given.keys()].some(isAuxiliary);
    const wanted = new Map([...expected].filter(([name]) => hasAuxiliary || !isAuxiliary(name)));
    return loadStateDict(wanted, given, network.weights);
  }
  if (!network.backbone) return new Map();
  const { tensors: given } = await readStateDict(network.backbone);
  const { tensors: found } = loadBackbone(expected, given);
  if (found.size > 0) return found;
  throw new SteadysegError(
    `${network.backbone}: expected a backbone of ${network.architecture}, found none of its weights`,
  );
}

/** Of a weights file, or of the `model.onnx` of another run. */
async function givenWeights(path: string): Promise<ReadonlyMap<string, Tensor>> {
  if (!path.toLowerCase().endsWith('.onnx')) return (await readStateDict(path)).tensors;
  const weights = weightsOfModel(await readModelFile(path), path);
  if (weights) return weights;
  throw new SteadysegError(`${path}: expected a model made by steadyseg, found one that does not name its network`);
}

/** Neighbours the loader gives, by the frames besides the labelled one. */
const neighbourCounts = [0, 1, 2] as const;

function openLoader(
  config: TrainingConfig,
  dataset: Dataset,
  extra: LoaderOptions['extra'],
  step: TrainingStep,
  flow: BatchFlow | undefined,
): Loader {
  const [height, width] = config.crop;
  return createLoader({
    dataset,
    extra,
    batchSize: config.batch,
    crop: { height, width },
    seed: config.seed,
    augmentation: config.augmentation,
    neighbours: neighbourCounts[step.frames.length - 1],
    gap: config.gap,
    flow: flow?.given ?? false,
    workers: config.workers,
  });
}

function positionOf(batches: number, stepsPerEpoch: number) {
  return { epoch: Math.floor(batches / stepsPerEpoch), step: batches % stepsPerEpoch };
}

/** One update: batches, gradients, weights. */
async function runStep(run: Run, batches: AsyncGenerator<Batch, never, void>): Promise<StepRecord> {
  const { options, step, session, state } = run;
  const { config } = options;
  const dropout = { rate: config.dropout, seed: config.seed };
  const { rate: base, power, headFactor = config.network.backbone ? 10 : 1, momentum, weightDecay } = config.optimizer;
  const started = performance.now();
  const feeds: Record<string, Tensor>[] = [];
  const used: Batch[] = [];
  let waited = 0;
  for (let i = 0; i < config.accumulate; i++) {
    const { value: batch } = await batches.next();
    waited += batch.waitedMilliseconds;
    used.push(batch);
    feeds.push(await feedsOf({ ...run, dropout }, batch, state.step * config.accumulate + i));
  }
  const { losses, gradients } = await computeGradients(step, session, state, feeds);
  for (const batch of used) batch.release();
  const rate = polynomialRate(base, state.step, config.steps, power);
  applyGradients(state, gradients, (name) => (isHead(name) ? headFactor * rate : rate), { momentum, weightDecay });
  const milliseconds = performance.now() - started;
  return { step: state.step, time: Date.now() / 1000, losses, rate, milliseconds, waited };
}

/** Stops a run that has gone wrong, before a checkpoint could keep it. */
async function refuseExplosion({ step, losses }: StepRecord, smallest: number, checkpoint: string): Promise<void> {
  const broken = Object.entries(losses).find(([, value]) => !Number.isFinite(value));
  const exploded = losses.loss > explosion * Math.max(smallest, smallestUsualLoss);
  if (!broken && !exploded) return;
  const cause = broken
    ? `the ${broken[0] === 'loss' ? 'total' : broken[0]} loss became ${broken[1]}`
    : `the loss rose to ${losses.loss.toPrecision(4)} from ${smallest.toPrecision(4)}`;
  const kept = (await exists(checkpoint)) ? `the last good checkpoint is ${checkpoint}` : 'there is no checkpoint yet';
  throw new SteadysegError(`step ${step}: ${cause}; lower optimizer.rate; ${kept}`);
}

/** A gradient may break weights whose loss was still a number: those never become a checkpoint. */
function refuseBrokenWeights(state: TrainingState): void {
  for (const [name, { data }] of state.parameters) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0)
      throw new SteadysegError(`step ${state.step}: the weight ${name} became ${data[at]}; lower optimizer.rate`);
  }
}

async function validateRun(run: Run, held: Dataset, last: boolean): Promise<ValidationRecord> {
  const { options, state } = run;
  const size = options.config.validation?.size;
  const segmenters = new Map<string, Awaited<ReturnType<typeof loadModel>>>();
  try {
    const validation = await validate({
      dataset: held,
      limit: options.config.validation?.limit,
      onFrame: last ? options.onValidatedFrame : undefined,
      async segment(image) {
        const [height, width] = size ?? [image.height, image.width];
        const key = `${height}x${width}`;
        let model = segmenters.get(key);
        if (!model) {
          model = await loadModel(writeModel(trainedModel(run, [height, width])), {
            device: options.config.device,
            threads: options.config.threads,
          });
          segmenters.set(key, model);
        }
        return (await model.segment(image)).labels;
      },
    });
    return { step: state.step, time: Date.now() / 1000, validation };
  } finally {
    for (const model of segmenters.values()) await model.release();
  }
}

/** The network as it is now, with what is known of its training. */
function trainedModel(
  { options, state, dataset, teacher }: Run,
  [height, width]: readonly number[],
  record?: ValidationRecord,
) {
  const { config } = options;
  const { classes, palette, ignoreLabel } = dataset.classes;
  return buildModel({
    architecture: config.network.architecture,
    widthMultiplier: config.network.widthMultiplier,
    classes: classes.length,
    height,
    width,
    weights: state.parameters,
    keepAuxiliary: true,
    description: {
      classes: [...classes],
      palette: palette.map((color) => [...color]),
      ignoreLabel,
      training: {
        data: `${config.data.layout} ${config.data.split ?? 'train'}`,
        steps: state.step,
        seed: config.seed,
        losses: config.losses,
        ...(teacher && { teacher: basename(config.teacher?.model ?? '') }),
        ...(record && { validation: record.validation }),
      },
    },
  });
}

function countWeights(state: TrainingState, step: TrainingStep): number {
  return [...step.gradientOutputs.keys()].reduce(
    (sum, name) => sum + (state.parameters.get(name)?.data.length ?? 0),
    0,
  );
}
