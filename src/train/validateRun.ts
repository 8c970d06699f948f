// Validation of a run: its network as it is now, on the held frames.
import type { Dataset } from '../data/dataset.js';
import type { ClassSet } from '../media/classes.js';
import { writeModel } from '../onnx/write.js';
import { loadModel } from '../segment/loadModel.js';
import type { SegmentationModel } from '../segment/model.js';
import type { TrainingConfig } from './config.js';
import type { ValidationRecord } from './runFolder.js';
import type { TrainingState } from './state.js';
import { trainedModel } from './trainedModel.js';
import { type ValidateOptions, validate } from './validate.js';

/** Networks are built for the sizes that occur, and freed. @param classes the student's. */
export async function validateRun(
  config: TrainingConfig,
  state: TrainingState,
  classes: ClassSet,
  held: Dataset,
  onFrame: ValidateOptions['onFrame'],
): Promise<ValidationRecord> {
  const { device, threads } = config;
  const size = config.validation?.size;
  const models = new Map<string, SegmentationModel>();
  try {
    const validation = await validate({
      dataset: held,
      limit: config.validation?.limit,
      onFrame,
      async segment(image) {
        const [height, width] = size ?? [image.height, image.width];
        const key = `${height}x${width}`;
        let model = models.get(key);
        if (!model) {
          model = await loadModel(writeModel(trainedModel(config, state, classes, [height, width])), {
            device,
            threads,
          });
          models.set(key, model);
        }
        return (await model.segment(image)).labels;
      },
    });
    return { step: state.step, time: Date.now() / 1000, validation };
  } finally {
    for (const model of models.values()) await model.release();
  }
}
