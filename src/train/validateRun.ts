// Validation of a run: its network as it is now, on the held frames.
import type { Dataset } from '../data/dataset.js';
import { loadModel } from '../segment/loadModel.js';
import type { SegmentationModel } from '../segment/model.js';
import type { TrainingConfig } from './config.js';
import type { ValidationRecord } from './runFolder.js';
import type { Student } from './student.js';
import { type ValidateOptions, validate } from './validate.js';

/** A run's network as it is now. */
export interface ValidatedNetwork {
  readonly student: Student;
  /** Its file, for frames of a size. */
  toModel(size: readonly [height: number, width: number]): Uint8Array;
  /** Steps done. */
  readonly step: number;
}

/** Networks of ours are built for the sizes that occur, and freed. */
export async function validateRun(
  config: TrainingConfig,
  { student, toModel, step }: ValidatedNetwork,
  held: Dataset,
  measuring: Pick<ValidateOptions, 'flowSource' | 'onFrame'>,
): Promise<ValidationRecord> {
  const { device, threads } = config;
  const size = config.validation?.size;
  const models = new Map<string, SegmentationModel>();
  try {
    const found = await validate({
      ...measuring,
      dataset: held,
      limit: config.validation?.limit,
      async segment(image) {
        const [height, width] = size ?? [image.height, image.width];
        const key = `${height}x${width}`;
        let model = models.get(key);
        if (!model) {
          model = await loadModel(toModel([height, width]), { ...student.loadOptions, device, threads });
          models.set(key, model);
        }
        return (await model.segment(image)).labels;
      },
    });
    return { step, time: Date.now() / 1000, ...found };
  } finally {
    for (const model of models.values()) await model.release();
  }
}
