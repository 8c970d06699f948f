// What a model of a run says of itself: its classes, and what it was trained on.
import { basename } from 'node:path';
import type { ClassSet } from '../media/classes.js';
import type { ModelDescription } from '../onnx/metadata.js';
import type { TrainingConfig } from './config.js';
import { needsTeacher } from './lossTable.js';
import type { Validation } from './validate.js';

/** @param validation what was found of these weights, where something was. */
export function describeTrained(
  config: TrainingConfig,
  { classes, palette, ignoreLabel }: ClassSet,
  steps: number,
  validation?: Validation | undefined,
): ModelDescription {
  return {
    classes: [...classes],
    palette: palette.map((color) => [...color]),
    ignoreLabel,
    training: {
      data: `${config.data.layout} ${config.data.split ?? 'train'}`,
      steps,
      seed: config.seed,
      losses: config.losses,
      ...(needsTeacher(config.losses) && { teacher: basename(config.teacher?.model ?? '') }),
      ...(validation && { validation }),
    },
  };
}
