// WebGPU in Node gives what the CPU gives: labels of the networks that ship, and three training steps. Skipped without an adapter.
import { describe, expect, it } from 'vitest';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { loadModel } from '#src/segment/loadModel.js';
import { type ShippedModel, shippedModelPath, shippedModels } from '#src/segment/shipped.js';
import { fileStudent } from '#src/train/fileStudent.js';
import { differenceOf, everyLossStep, threeSteps } from '../../scripts/device/steps.js';
import { randomPixels } from '../segment/pixels.js';
import { hasAdapter } from './adapter.js';

const size = [64, 64] as const;

describe.skipIf(!(await hasAdapter()))('WebGPU in Node', () => {
  it.each(Object.keys(shippedModels) as ShippedModel[])('labels as the CPU does with %s', async (name) => {
    const student = await fileStudent(await shippedModelPath(name));
    const bytes = student.toModel(student.weights, { size, description: { classes: undefined } });
    const image = randomPixels(...size, 3);
    const labels = async (device: string) => {
      const model = await loadModel(bytes, { device });
      const found = await model.segment(image);
      await model.release();
      return found.labels.data;
    };
    expect(await labels('webgpu')).toEqual(await labels('cpu'));
  });

  it('trains as the CPU does, for three steps', async () => {
    const results = ['webgpu', 'cpu'].map((device) =>
      threeSteps((model) => createSession(model, { device, optimization: 'disabled', fallback: device === 'cpu' })),
    );
    const [found, expected] = await Promise.all(results);
    const difference = differenceOf(found, expected);
    expect(difference.losses).toBeLessThan(1e-5);
    expect(difference.weights).toBeLessThan(1e-4);
  });

  it('has every operator of a step with all losses', async () => {
    const model = writeModel(everyLossStep().model);
    const session = await createSession(model, { device: 'webgpu', optimization: 'disabled', fallback: false });
    await session.release();
  });
});
