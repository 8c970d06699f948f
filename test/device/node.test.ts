// WebGPU in Node gives what the CPU gives: labels of the networks that ship, and three training steps. Skipped without an adapter.
import { describe, expect, it } from 'vitest';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { type ShippedModel, shippedModels } from '#src/segment/shipped.js';
import { smallLabels } from '../../scripts/device/labels.js';
import { differenceOf, everyLossStep, threeSteps } from '../../scripts/device/steps.js';
import { hasAdapter } from './adapter.js';

describe.skipIf(!(await hasAdapter()))('WebGPU in Node', () => {
  it.each(Object.keys(shippedModels) as ShippedModel[])('labels as the CPU does with %s', async (name) => {
    const expected = await smallLabels(name, 'cpu');
    expect(new Set(expected).size).toBeGreaterThan(1);
    expect(await smallLabels(name, 'webgpu')).toEqual(expected);
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
