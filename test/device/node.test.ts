// WebGPU in Node gives what the CPU gives: labels of the networks that ship, and three training steps. Skipped without an adapter.
import { describe, expect, it } from 'vitest';
import { messageOf } from '#src/base/errors.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { loadModel } from '#src/segment/loadModel.js';
import { smallLabels } from '../../scripts/device/labels.js';
import { smallNetwork } from '../../scripts/device/smallNetwork.js';
import { differenceOf, everyLossStep, fullOptimizer, threeSteps } from '../../scripts/device/steps.js';
import { hasAdapter } from './adapter.js';

describe.skipIf(!(await hasAdapter()))('WebGPU in Node', () => {
  // The others of each pair: chromium.test.ts.
  it.each(['toycity-plain', 'camvid-plain'] as const)('labels as the CPU does with %s', async (name) => {
    const network = await smallNetwork(name);
    const expected = await smallLabels(await loadModel(network));
    expect(new Set(expected).size).toBeGreaterThan(1);
    expect(await smallLabels(await loadModel(network, { device: 'webgpu' }))).toEqual(expected);
  });

  it('trains as the CPU does, for three steps on two batches, with AdamW, clipping and a mean', async () => {
    const options = { optimizer: fullOptimizer, batches: 2 };
    const [found, expected] = await Promise.all([
      threeSteps({ ...options, device: 'webgpu', fallback: false }),
      threeSteps(options),
    ]);
    const difference = differenceOf(found, expected);
    expect(difference.losses).toBeLessThan(1e-5);
    expect(difference.weights).toBeLessThan(1e-4);
  });

  it('trains in mixed precision as the CPU does, or says that it has no float16', async () => {
    const found = await threeSteps({ device: 'webgpu', precision: 'mixed' }).catch((thrown: unknown) => {
      expect(messageOf(thrown)).toContain('it computes in float16, which this device does not have');
    });
    if (!found) return;
    const { losses, weights } = differenceOf(found, await threeSteps({ precision: 'mixed' }));
    expect(losses).toBeLessThan(1e-3);
    expect(weights).toBeLessThan(2e-2);
  });

  it('has every operator of a step with all losses', async () => {
    const model = writeModel(everyLossStep().model);
    const session = await createSession(model, { device: 'webgpu', optimization: 'disabled', fallback: false });
    await session.release();
  });
});
