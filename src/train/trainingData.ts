// The data of a run: datasets as the configuration names them, and the loader that makes batches of them.
import { UsageError } from '../base/errors.js';
import type { Shard } from '../base/shard.js';
import type { Dataset } from '../data/dataset.js';
import { layoutClasses, openDataset } from '../data/datasets.js';
import { createLoader, type Loader, type LoaderOptions } from '../data/loader.js';
import { rangeOf, withoutLabels } from '../data/selection.js';
import { type ClassSet, contradicts, presetClasses, presetNames } from '../media/classes.js';
import { readClassesFile } from '../media/classesFile.js';
import { ownLayout, type TrainingConfig } from './config.js';
import { framesFor, type OwnLoss } from './lossTable.js';

export interface TrainingData {
  readonly dataset: Dataset;
  /** Validated on. */
  readonly held: Dataset | undefined;
  readonly extra: LoaderOptions['extra'];
  /** Samples of a batch, the last ones, that may have neighbours. */
  readonly withNeighbours: number;
}

/** Datasets of the caller's, for the parts of a configuration that say `layout: own`. */
export interface OwnDatasets {
  readonly data?: Dataset | undefined;
  readonly validation?: Dataset | undefined;
  readonly extra?: Dataset | undefined;
}

/** @throws SteadysegError for data that is not as the configuration says; UsageError for what does not go together. */
export async function openTrainingData(
  config: TrainingConfig,
  own: OwnDatasets = {},
  ownLosses: readonly OwnLoss[] = [],
): Promise<TrainingData> {
  const { data, validation } = config;
  checkOwn('data', data.layout, own.data);
  checkOwn('validation', validation && (validation.layout ?? data.layout), own.validation);
  checkOwn('data.extra', data.extra?.layout, own.extra);
  const dataset = await openPart(data, 'train', own.data);
  const held = validation && (await openPart(validationData(data, validation), 'val', own.validation));
  if (held) checkSameClasses('validation', held.classes, dataset.classes);
  const extra = await openExtra(config, dataset, own.extra);
  return { dataset, held, extra, withNeighbours: samplesWithNeighbours(config, dataset, extra, ownLosses) };
}

/** Neighbours the loader gives, by the frames besides the labelled one. */
const neighbourCounts = [0, 1, 2] as const;

export function openLoader(
  config: TrainingConfig,
  { dataset, extra }: TrainingData,
  frames: number,
  withFlow: boolean,
  shard: Shard,
): Loader {
  const [height, width] = config.crop;
  return createLoader({
    dataset,
    extra,
    batchSize: config.batch,
    shard,
    crop: { height, width },
    seed: config.seed,
    augmentation: config.augmentation,
    neighbours: neighbourCounts[frames - 1],
    gap: config.gap,
    flow: withFlow,
    boundaries: config.losses.boundary > 0,
    workers: config.workers,
  });
}

type DataConfig = Omit<TrainingConfig['data'], 'extra'>;

/** A part that says `own` has a dataset of the caller's, and no other has. */
function checkOwn(part: string, layout: string | undefined, own: Dataset | undefined): void {
  if ((layout === ownLayout) === (own !== undefined)) return;
  const expected = own ? `"${ownLayout}", for the dataset ${own.name} that was given` : 'one that lies in files';
  const way = own ? '' : `; "${ownLayout}" is for programs that give train a dataset`;
  throw new UsageError(
    `${part}.layout: expected ${expected}, found ${layout === undefined ? 'none' : `"${layout}"`}${way}`,
  );
}

async function openPart(
  data: DataConfig,
  fallbackSplit: string,
  own: Dataset | undefined,
  inherited?: ClassSet,
): Promise<Dataset> {
  const { layout, root, split = fallbackSplit, classes, ids, flow, range } = data;
  if (own) return range ? rangeOf(own, ...range) : own;
  const classSet = classes === undefined ? inherited : await namedClasses(classes);
  const dataset = await openDataset(layout, { root, split, classes: classSet, ids, flow });
  return range ? rangeOf(dataset, ...range) : dataset;
}

/** Of a preset, or of a file. */
async function namedClasses(name: string): Promise<ClassSet> {
  return presetNames.includes(name) ? presetClasses(name) : await readClassesFile(name);
}

/**
 * The classes of a configuration's data, which need not be there.
 * @throws UsageError where the program that trained has them; SteadysegError when a class file cannot be read.
 */
export async function configuredClasses({ layout, classes }: DataConfig, source: string): Promise<ClassSet> {
  const found = classes === undefined ? layoutClasses(layout) : await namedClasses(classes);
  if (found) return found;
  throw new UsageError(`${source}: expected to know the classes, which data.layout "${layout}" leaves open: give them`);
}

/** What validation leaves out is taken from the training data, but for the part of it. */
function validationData(data: DataConfig, validation: NonNullable<TrainingConfig['validation']>): DataConfig {
  const { layout = data.layout, root = data.root, classes = data.classes, flow = data.flow, split, range } = validation;
  const { ids = validation.layout === undefined ? data.ids : undefined } = validation;
  return { layout, root, classes, ids, flow, split, range };
}

/** One number is one class in every part of a run. */
function checkSameClasses(part: string, found: ClassSet, of: ClassSet): void {
  const counts = [of, found].map(({ classes }) => classes.length);
  if (counts[0] !== counts[1]) {
    throw new UsageError(`${part}.classes: expected the ${counts[0]} classes of the data, found ${counts[1]}`);
  }
  const difference = contradicts(found, of);
  if (difference !== undefined) {
    throw new UsageError(`${part}.classes: expected the classes of the data, found others: ${difference}`);
  }
}

/** The samples that every batch has some of. */
async function openExtra(
  { data: { extra }, batch }: TrainingConfig,
  { classes }: Dataset,
  own: Dataset | undefined,
): Promise<LoaderOptions['extra']> {
  if (!extra) return undefined;
  const { perBatch, labels } = extra;
  if (perBatch >= batch) {
    throw new UsageError(`data.extra.perBatch: expected less than the batch of ${batch}, found ${perBatch}`);
  }
  const dataset = await openPart(extra, 'train', own, classes);
  if (labels) checkSameClasses('data.extra', dataset.classes, classes);
  return { dataset: labels ? dataset : withoutLabels(dataset), perBatch };
}

/**
 * How many samples of a batch, the last ones, may have neighbours: where none of the labelled frames does (CamVid's are a
 * second apart), the student runs on no other frames than those around the extra samples.
 * @throws UsageError when losses compare frames, and none has a neighbour.
 */
function samplesWithNeighbours(
  config: TrainingConfig,
  dataset: Dataset,
  extra: LoaderOptions['extra'],
  ownLosses: readonly OwnLoss[],
): number {
  const { batch, gap } = config;
  const distances = Array.from({ length: gap }, (_, k) => k + 1);
  const hasNeighbours = ({ count, sample }: Dataset) => {
    for (let index = 0; index < count; index++) {
      const { neighbour } = sample(index);
      if (distances.some((k) => neighbour(k) || neighbour(-k))) return true;
    }
    return false;
  };
  if (framesFor(config.losses, config.frames, ownLosses) === 1 || hasNeighbours(dataset)) return batch;
  if (extra && hasNeighbours(extra.dataset)) return extra.perBatch;
  throw new UsageError(
    `${dataset.name}: expected frames with neighbours within the gap of ${gap}, found none: give unlabelled ones as data.extra, or set frames: 1`,
  );
}
