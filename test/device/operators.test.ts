// Training graphs of every loss and of each kind of network keep to operators that GPUs have: none falls back to the CPU.
import { expect, it } from 'vitest';
import type { Model } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { architectureStudent } from '#src/train/architectureStudent.js';
import { buildTrainingStep, type Precision } from '#src/train/step.js';
import { everyLossStep } from '../../scripts/device/steps.js';
import { hasAdapter } from './adapter.js';

const adapter = await hasAdapter();

/** Operators that ONNX Runtime's part for each device has in float32 and float16 (docs/OperatorKernels.md; WebGPU's own registry). */
const both = [
  ...['Abs', 'Add', 'AveragePool', 'BatchNormalization', 'Cast', 'Clip', 'Concat', 'Conv', 'ConvTranspose', 'Div'],
  ...['Equal', 'Erf', 'Exp', 'Expand', 'Floor', 'Gather', 'GatherElements', 'GlobalAveragePool', 'Greater', 'Identity'],
  ...['LessOrEqual', 'Log', 'MatMul', 'Max', 'MaxPool', 'Min', 'Mul', 'Neg', 'Pad', 'Pow', 'ReduceMax', 'ReduceMean'],
  ...['ReduceSum', 'ReduceSumSquare', 'Relu', 'Reshape', 'Resize', 'ScatterElements', 'Sigmoid', 'Slice', 'Softmax'],
  ...['Softplus', 'Split', 'Sqrt', 'Sub', 'Tanh', 'TopK', 'Transpose', 'Where'],
];
const operatorsOf = {
  webgpu: new Set([...both, 'GridSample']),
  cuda: new Set([...both, 'GridSample', 'Sign', 'OneHot']),
};

/** How many nodes of a model a device would leave to the CPU, by operator. */
function fallbacks({ graph }: Model, device: keyof typeof operatorsOf): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op, domain } of graph.nodes) {
    if (domain === '' && operatorsOf[device].has(op)) continue;
    counts[domain + op] = (counts[domain + op] ?? 0) + 1;
  }
  return counts;
}

async function stepOf(architecture: string, precision: Precision, portable = true): Promise<Model> {
  const student = await architectureStudent({ architecture, classes: { count: 5 }, seed: 1 });
  return buildTrainingStep({
    ...{ student, batch: 2, height: 64, width: 64, dropout: true, portable, precision },
    ...{ segmentation: {}, losses: { motion: 1 } },
  }).model;
}

/** Of both devices. */
const allFallbacks = (model: Model) => [fallbacks(model, 'webgpu'), fallbacks(model, 'cuda')];

it('devices have every operator of a step with all losses', () => {
  expect(allFallbacks(everyLossStep().model)).toEqual([{}, {}]);
});

it.each(['pspnet18', 'deeplabv3plus-mobilenetv2', 'pidnet-s', 'ddrnet23-slim', 'segformer-b0'])(
  'devices have every operator of a step of %s',
  async (architecture) => {
    for (const precision of ['float32', 'mixed'] as const) {
      expect(allFallbacks(await stepOf(architecture, precision))).toEqual([{}, {}]);
    }
  },
);

it('devices lack some of those that are for CPUs', async () => {
  for (const counts of allFallbacks(await stepOf('pspnet18', 'float32', false)))
    expect(Object.keys(counts)).not.toEqual([]);
});

it.skipIf(!adapter).each(['deeplabv3plus-mobilenetv2', 'segformer-b0'])(
  'WebGPU itself finds no fallback in a step of %s',
  async (architecture) => {
    const session = await createSession(writeModel(await stepOf(architecture, 'float32')), {
      ...{ device: 'webgpu', optimization: 'disabled', fallback: false },
    });
    await session.release();
  },
);
