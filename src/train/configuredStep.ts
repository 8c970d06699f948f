// The step of a run as its configuration describes it, and the teacher its losses compare with.
import { UsageError } from '../base/errors.js';
import type { Dataset } from '../data/dataset.js';
import { createDecoder } from '../data/decode.js';
import { cityscapesClassWeights } from '../losses/crossEntropy.js';
import { isProcessor } from '../runtime/openSession.js';
import { mapClasses } from './classMap.js';
import type { TrainingConfig } from './config.js';
import { needsTeacher, type OwnLoss } from './lossTable.js';
import { buildTrainingStep, type TrainingStep } from './step.js';
import type { Student } from './student.js';
import { openTeacher, type Teacher } from './teacher.js';
import type { TrainingData } from './trainingData.js';

/** The teacher, when a loss asks for one. @param onWarning told when its cache can no longer be written. */
export async function configuredTeacher(
  { teacher, ...config }: TrainingConfig,
  { dataset, withNeighbours }: TrainingData,
  onWarning: ((message: string) => void) | undefined,
  ownLosses: readonly OwnLoss[] = [],
): Promise<Teacher | undefined> {
  if (!needsTeacher(config.losses, ownLosses)) return undefined;
  if (!teacher) throw new UsageError('expected teacher.model (.onnx) for the distillation losses, found none');
  const { model, features, classMap: _, cache, ...preprocessing } = teacher;
  if (cache !== undefined) await checkUnchanged(config, dataset);
  const [height, width] = config.crop;
  const { on } = config.distillation;
  return openTeacher({
    ...preprocessing,
    path: model,
    cache,
    onWarning,
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
  const { scale, rotationProbability, blurProbability, flipProbability, colorJitter } = augmentation;
  if (scale[0] !== 1 || scale[1] !== 1 || rotationProbability + blurProbability + flipProbability + colorJitter > 0) {
    throw new UsageError(
      'teacher.cache: expected frames that are the same every time (augmentation.scale [1, 1], rotationProbability, blurProbability, flipProbability and colorJitter 0), found augmented ones',
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

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Losses, classes and sizes as configured; what the teacher gives decides the rest. */
export function configuredStep(
  config: TrainingConfig,
  student: Student,
  { dataset, withNeighbours }: TrainingData,
  teacher: Teacher | undefined,
  ownLosses: readonly OwnLoss[] = [],
  ranks = 1,
): TrainingStep {
  const { classWeights, losses, crop, distillation } = config;
  const { classes } = dataset.classes;
  return buildTrainingStep({
    student,
    statistics: config.statistics ?? (config.network.model === undefined ? 'batch' : 'fixed'),
    batch: config.batch,
    ranks,
    height: crop[0],
    width: crop[1],
    dropout: config.dropout > 0,
    portable: !isProcessor(config.device),
    precision: config.precision,
    segmentation: {
      classWeights:
        classWeights === 'none' ? undefined : classWeights === 'cityscapes' ? cityscapesClassWeights : classWeights,
      auxiliaryWeight: losses.auxiliary,
      mining: config.mining,
    },
    losses,
    ownLosses,
    frames: config.frames,
    withNeighbours,
    motion: config.motion,
    distillation,
    teacher: teacher && {
      shapes: teacher.shapes,
      enlargement: teacher.enlargement,
      classMap: comparesClasses(config)
        ? mapClasses(
            teacher.classes,
            { count: student.classes.count, names: classes },
            config.teacher?.classMap,
            config.teacher?.model ?? '',
          )
        : undefined,
      on: distillation.on,
    },
    flowValidity: true,
    sampleWeights: true,
  });
}

/** Whether a loss compares the teacher's classes with the student's; similarities of positions do not. */
function comparesClasses({ losses, distillation }: TrainingConfig): boolean {
  const rawMaps = losses.multiFrame > 0 && distillation.multiFrame === 'trained' && distillation.on === 'logits';
  return losses.pixel > 0 || rawMaps;
}
