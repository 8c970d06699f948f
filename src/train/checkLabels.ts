// Refuses labels that teach nothing, and says when they hardly do: a loss of 0 looks like success.
import { SteadysegError, UsageError } from '../base/errors.js';
import type { Dataset } from '../data/dataset.js';
import { labelledClasses } from '../data/labelledClasses.js';
import type { TrainingConfig } from './config.js';
import { type LossWeights, lossNames, type OwnLoss } from './lossTable.js';
import type { TrainingData } from './trainingData.js';

/**
 * Looks at the labels of a run's data before its first step.
 *
 * @throws UsageError where there is no label and no loss that needs none; SteadysegError where all that is labelled is ignored.
 */
export async function checkLabels(
  config: TrainingConfig,
  { dataset, held, extra }: TrainingData,
  ownLosses: readonly OwnLoss[],
  warn: (message: string) => void,
): Promise<void> {
  const { maps, classes } = await labelledClasses(dataset);
  if (maps > 0 && classes.length === 0) throw new SteadysegError(allIgnored(dataset, maps));
  if (maps === 0 && !config.data.extra?.labels && !hasOtherLosses(config.losses, ownLosses)) {
    throw new UsageError(
      `${dataset.name}: expected labels, or losses that need none (losses.motion, distillation), found neither: there is nothing to learn`,
    );
  }
  if (classes.length === 1) warn(oneClass(dataset, maps, classes[0]));
  for (const other of [held, extra?.dataset]) {
    if (!other) continue;
    const found = await labelledClasses(other);
    if (found.maps > 0 && found.classes.length === 0) warn(allIgnored(other, found.maps));
  }
}

function hasOtherLosses(weights: LossWeights, own: readonly OwnLoss[]): boolean {
  return own.length > 0 || lossNames.some((name) => (weights[name] ?? 0) !== 0);
}

function allIgnored(dataset: Dataset, maps: number): string {
  const { ignoreLabel } = dataset.classes;
  const ignored = ignoreLabel === 255 ? '255' : `${ignoreLabel} or 255`;
  return `${dataset.name}: expected labels of classes, found that every pixel of ${countOf(maps)} is ignored (${ignored})${hintFor(dataset)}`;
}

function oneClass(dataset: Dataset, maps: number, id: number): string {
  return `${dataset.name}: ${countOf(maps)} ${maps === 1 ? 'holds' : 'hold'} one class only, "${dataset.classes.classes[id]}", and what is ignored: a network learns to see it everywhere${hintFor(dataset)}`;
}

function countOf(maps: number): string {
  return maps === 1 ? 'its label map' : `its ${maps} label maps`;
}

function hintFor({ classes: { classes } }: Dataset): string {
  return classes.length === 2 ? '; masks of 0 and 255 are read with ids: binary' : '';
}
