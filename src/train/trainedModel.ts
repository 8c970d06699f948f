// The network of a run as a model, with what is known of its training.
import { basename } from 'node:path';
import type { ClassSet } from '../media/classes.js';
import { buildModel } from '../nets/model.js';
import type { Model } from '../onnx/model.js';
import type { TrainingConfig } from './config.js';
import { needsTeacher } from './lossTable.js';
import { resultingParameters, type TrainingState } from './state.js';
import type { Validation } from './validate.js';

/** @param size height and width it sees. @param validation what was found of it as it is. */
export function trainedModel(
  config: TrainingConfig,
  state: TrainingState,
  { classes, palette, ignoreLabel }: ClassSet,
  [height, width]: readonly number[],
  validation?: Validation | undefined,
): Model {
  return buildModel({
    architecture: config.network.architecture,
    widthMultiplier: config.network.widthMultiplier,
    classes: classes.length,
    height,
    width,
    weights: resultingParameters(state),
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
        ...(needsTeacher(config.losses) && { teacher: basename(config.teacher?.model ?? '') }),
        ...(validation && { validation }),
      },
    },
  });
}
