import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { correlation } from '#src/nets/correlation.js';
import { flowNet2 } from '#src/nets/flownet2/flowNet2.js';
import { resample2d } from '#src/nets/resample2d.js';
import { stateDictEntries } from '#src/nets/stateDictEntries.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, type Value } from '#src/onnx/graph.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { type Tensor, zeros } from '#src/tensor/tensor.js';
import { largestDifference, readGolden, readSharedJson, weightsByName } from '../goldens.js';
import { describeWithShared, sharedPath } from '../shared.js';

/** Runs a graph of one output on inputs by name. */
async function run(feeds: Record<string, Tensor>, build: (values: Record<string, Value>) => Value): Promise<Tensor> {
  const graph = createGraph('test');
  const values = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape }]) => [name, input(graph, name, dtype, shape)]),
  );
  const session = await createSession(writeModel(exportModel(graph, { output: build(values) })), { threads: 2 });
  const { output } = await session.run(feeds);
  await session.release();
  return output;
}

describe('the layers of FlowNet2', () => {
  it('resample2d equals the reference', async () => {
    const path = join(import.meta.dirname, '..', 'fixtures', 'nets', 'resample2d.safetensors');
    const { image, flow, warped } = readGolden(path).tensors;
    const found = await run({ image, flow }, (values) => resample2d(values.image, values.flow));
    expect(largestDifference(found, warped)).toBeLessThan(1e-5);
  });

  it('correlation is the mean product at every displacement', async () => {
    const shape = [2, 3, 4, 5];
    const [a, b] = [symmetricByName('a', shape, 1), symmetricByName('b', shape, 1)];
    const options = { maxDisplacement: 3, stride: 1 };
    const found = await run({ a, b }, (values) => correlation(values.a, values.b, options));
    const at = (n: number, c: number, y: number, x: number) => ((n * 3 + c) * 4 + y) * 5 + x;
    const expected = zeros('float32', [2, 49, 4, 5]);
    let index = 0;
    for (let n = 0; n < 2; n++) {
      for (let k = 0; k < 49; k++) {
        const [dy, dx] = [Math.floor(k / 7) - 3, (k % 7) - 3];
        for (let y = 0; y < 4; y++) {
          for (let x = 0; x < 5; x++) {
            const inside = y + dy >= 0 && y + dy < 4 && x + dx >= 0 && x + dx < 5;
            for (let c = 0; inside && c < 3; c++) {
              expected.data[index] += (a.data[at(n, c, y, x)] * b.data[at(n, c, y + dy, x + dx)]) / 3;
            }
            index++;
          }
        }
      }
    }
    expect(largestDifference(found, expected)).toBeLessThan(1e-6);
  });
});

describeWithShared('correlation', ['goldens/flow/correlation.safetensors'], () => {
  it('equals the reference', async () => {
    const { a, b, correlation: expected } = readGolden(sharedPath('goldens/flow/correlation.safetensors')).tensors;
    const found = await run({ a, b }, (values) => correlation(values.a, values.b));
    expect(largestDifference(found, expected)).toBeLessThan(1e-5);
  });
});

const goldens = ['flownet2.safetensors', 'flownet2_state_dict.json'].map((file) => `goldens/flow/${file}`);
describeWithShared('FlowNet2 against PyTorch', goldens, () => {
  it('has the state dict of PyTorch', () => {
    const graph = createGraph('flownet2');
    const image = (name: string) => input(graph, name, 'float32', [1, 3, 64, 64]);
    flowNet2(image('first'), image('second'));
    const sorted = (entries: (readonly [string, readonly number[]])[]) => entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const found = stateDictEntries(graph).map(({ name, shape }) => [name, shape] as const);
    expect(sorted(found)).toEqual(sorted(readSharedJson('goldens/flow/flownet2_state_dict.json')));
  });

  it('computes flow within 1e-3 pixels, at multiples of 64 and at other sizes', async () => {
    const { tensors, metadata } = readGolden(sharedPath('goldens/flow/flownet2.safetensors'));
    // Both sizes in one graph share the 650 MB of weights.
    const kinds = ['aligned', 'resized'];
    const graph = createGraph('flownet2');
    const feeds: Record<string, Tensor> = {};
    const image = (name: string) => {
      feeds[name] = tensors[name];
      return input(graph, name, 'float32', tensors[name].shape);
    };
    const flows = kinds.map((kind) => [kind, flowNet2(image(`${kind}.image1`), image(`${kind}.image2`))]);
    const weights = weightsByName(graph, metadata.prefix);
    const model = exportModel(graph, Object.fromEntries(flows), { weights });
    const session = await createSession(writeModel(model), { threads: 2 });
    const results = await session.run(feeds);
    await session.release();
    for (const kind of kinds) {
      expect(largestDifference(results[kind], tensors[`${kind}.flow`]), kind).toBeLessThan(1e-3);
    }
  });
});
