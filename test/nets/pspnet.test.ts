import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { initializeParameters } from '#src/nets/initialize.js';
import { inference } from '#src/nets/mode.js';
import { buildNetwork } from '#src/nets/registry.js';
import { stateDictEntries } from '#src/nets/stateDictEntries.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { elementCount, type Shape, type Tensor, zeros } from '#src/tensor/tensor.js';
import { largestDifference, readGolden, readSharedJson, standardDeviation, weightsByName } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

const fixture = (file: string) => join(import.meta.dirname, '..', 'fixtures', 'nets', file);

const networks = ['pspnet18', 'pspnet50', 'pspnet101', 'pspnet_mobilenetv2'] as const;

function build(name: string, shape: Shape, options: { classes?: number; widthMultiplier?: number } = {}) {
  const graph = createGraph(name);
  const image = input(graph, 'image', 'float32', shape);
  return { graph, outputs: buildNetwork(name, graph, image, { classes: 19, mode: inference, ...options }) };
}

for (const name of networks) {
  const inFixtures = existsSync(fixture(`${name}_eval.safetensors`));
  const golden = (file: string) =>
    inFixtures ? fixture(`${name}_${file}`) : sharedPath('goldens/nets', `${name}_${file}`);
  const needs = inFixtures ? [] : ['eval.safetensors', 'state_dict.json'].map((file) => `goldens/nets/${name}_${file}`);
  describeWithShared(`${name} against PyTorch`, needs, () => {
    it('has the state dict of PyTorch, in its order', () => {
      const { graph } = build(name, [1, 3, 65, 97]);
      const found = stateDictEntries(graph).map((entry) => [entry.name, entry.shape]);
      expect(found).toEqual(JSON.parse(readFileSync(golden('state_dict.json'), 'utf8')));
    });

    it('computes logits and dsn within 1e-4 of their standard deviation', async () => {
      const { tensors, metadata } = readGolden(golden('eval.safetensors'));
      const [inputName, , scale, , sizes] = metadata.input.split(' ');
      const shape = sizes.split(',').map(Number);
      const { graph, outputs } = build(name, shape);
      const weights = weightsByName(graph, metadata.prefix);
      const { auxiliary } = outputs;
      const model = exportModel(graph, { logits: outputs.logits, ...(auxiliary && { dsn: auxiliary }) }, { weights });
      const session = await createSession(writeModel(model), { threads: 2 });
      const results = await session.run({ image: symmetricByName(inputName, shape, Number(scale)) });
      await session.release();
      for (const output of ['logits', 'dsn']) {
        const error = largestDifference(results[output], tensors[output]) / standardDeviation(tensors[output]);
        expect(error).toBeLessThan(1e-4);
      }
    });
  });
}

const training = { kind: 'training' } as const;

describeWithShared('PSPNet-18 in training', ['goldens/nets/pspnet18_trajectory.json'], () => {
  it('updates running statistics as PyTorch does over two frames', async () => {
    const golden = readSharedJson<{ first_step_running_norms: Record<string, number> }>(
      'goldens',
      'nets',
      'pspnet18_trajectory.json',
    );
    const graph = createGraph('two frames');
    const names = ['image', 'frame'];
    const logits: Record<string, Value> = {};
    const feeds: Record<string, Tensor> = {};
    for (const name of names) {
      feeds[name] = symmetricByName(`traj.0.${name}`, [2, 3, 65, 97], 2);
      const image = input(graph, name, 'float32', feeds[name].shape);
      logits[name] = buildNetwork('pspnet18', graph, image, { classes: 19, mode: training }).logits;
    }
    const weights = weightsByName(graph, 'psp18.');
    const statistics = graph.batchStatistics;
    expect(statistics).toHaveLength(52);
    const outputs = Object.fromEntries(
      statistics.flatMap(({ batchMean, batchVariance }) => [
        [batchMean.name, batchMean],
        [batchVariance.name, batchVariance],
      ]),
    );
    const session = await createSession(writeModel(exportModel(graph, outputs, { weights })), {
      threads: 2,
      optimization: 'disabled',
    });
    const results = await session.run(feeds);
    await session.release();
    for (const { runningMean, runningVariance, batchMean, batchVariance, count } of statistics) {
      fold(weights.get(runningMean.name), results[batchMean.name], 1);
      fold(weights.get(runningVariance.name), results[batchVariance.name], count / (count - 1));
    }
    for (const [name, norm] of Object.entries(golden.first_step_running_norms)) {
      if (name.startsWith('aux')) continue;
      const found = Math.hypot(...(weights.get(name)?.data ?? []));
      expect(Math.abs(found - norm) / norm, name).toBeLessThan(1e-5);
    }
  });
});

/** Momentum 0.1, as PyTorch. */
function fold(running: Tensor | undefined, batch: Tensor, factor: number): void {
  running?.data.forEach((value, i) => {
    running.data[i] = 0.9 * Number(value) + 0.1 * factor * Number(batch.data[i]);
  });
}

describe('a network', () => {
  it.each(networks)('%s takes any size and class count', (name) => {
    const { graph, outputs } = build(name, [1, 3, 50, 71], { classes: 5 });
    expect(outputs.logits.shape).toEqual([1, 5, 7, 9]);
    expect(outputs.auxiliary?.shape).toEqual([1, 5, 7, 9]);
    expect(outputs.features.fea.shape[1]).toBe(graph.parameters.get('cls.0.weight')?.value.shape[1]);
  });

  it('scales the width of its backbone, pyramid and heads', () => {
    const parameters = (name: string, widthMultiplier: number) => {
      const { graph } = build(name, [1, 3, 64, 64], { widthMultiplier });
      const weights = [...graph.parameters.values()].filter(({ role }) => role === 'weight');
      return weights.reduce((sum, { value }) => sum + elementCount(value.shape), 0);
    };
    expect(parameters('pspnet18', 1)).toBe(14_399_590);
    expect(parameters('pspnet18', 0.5) / parameters('pspnet18', 1)).toBeCloseTo(0.25, 2);
    expect(parameters('pspnet-mobilenetv2', 0.5) / parameters('pspnet-mobilenetv2', 1)).toBeCloseTo(0.25, 1);
    expect(() => parameters('pspnet50', 0.5)).toThrow('expected the width multiplier 1 for pspnet50, found 0.5');
  });

  it('asks for dropout masks in training only', () => {
    const asked: [string, Shape][] = [];
    const graph = createGraph('dropout');
    const image = input(graph, 'image', 'float32', [2, 3, 64, 64]);
    const dropoutMask = (head: string, shape: Shape) => {
      asked.push([head, shape]);
      return input(graph, `${head}.mask`, 'float32', shape);
    };
    buildNetwork('PSPNet_MobileNetV2', graph, image, { classes: 3, mode: { kind: 'training', dropoutMask } });
    expect(asked).toEqual([
      ['cls', [2, 256, 1, 1]],
      ['aux', [2, 256, 1, 1]],
    ]);
  });

  it('names what was meant when its name is mistyped', () => {
    expect(() => build('pspnet81', [1, 3, 64, 64])).toThrow('found "pspnet81"; did you mean pspnet18?');
    expect(() => build('pspnet18', [1, 3, 64, 64], { classes: 0 })).toThrow('expected a number of classes, found 0');
  });
});

describe('initial weights', () => {
  it('depend on seed and name only, and have the declared spread', () => {
    const { graph } = build('pspnet18', [1, 3, 64, 64], { widthMultiplier: 0.5 });
    const weights = initializeParameters(graph, 7);
    const again = initializeParameters(build('pspnet18', [1, 3, 32, 32], { widthMultiplier: 0.5 }).graph, 7);
    for (const [name, weight] of weights) expect(largestDifference(weight, again.get(name) ?? weight), name).toBe(0);
    const deviation = (name: string) => standardDeviation(weights.get(name) ?? zeros('float32', [1]));
    expect(deviation('layer3.0.conv1.weight')).toBeCloseTo(Math.sqrt(2 / (128 * 9)), 3);
    expect(deviation('cls.0.weight')).toBeCloseTo(1 / Math.sqrt(3 * 512 * 9), 4);
    expect(weights.get('layer1.0.bn1.weight')?.data.every((value) => value === 1)).toBe(true);
    expect(weights.get('layer1.0.bn1.running_mean')?.data.every((value) => value === 0)).toBe(true);
    const stem = weights.get('layer0.0.weight') ?? zeros('float32', [1]);
    expect(largestDifference(initializeParameters(graph, 8).get('layer0.0.weight') ?? stem, stem)).toBeGreaterThan(0);
  });
});
