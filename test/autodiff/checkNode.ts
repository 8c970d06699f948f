// Compares one node of a file, as it is imported, with the engine on the file itself: shapes, values, and gradients against central
// differences of the engine's own results.

import { expect } from 'vitest';
import { gradients } from '#src/autodiff/gradients.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, type Value } from '#src/onnx/graph.js';
import { importModel } from '#src/onnx/import.js';
import type { Attributes, Model } from '#src/onnx/model.js';
import { add, mul, reduceSum } from '#src/onnx/ops.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { createRandom } from '#src/tensor/random.js';
import { elementCount, numbersOf, type Shape, type Tensor, tensor } from '#src/tensor/tensor.js';

export interface NodeCase {
  readonly op: string;
  readonly domain?: string;
  /** 17 by default. */
  readonly opset?: number;
  readonly attributes?: Attributes;
  /** Shapes (`2×3`) of inputs that are fed and differentiated, constants, and null for those left out. */
  readonly inputs: readonly (string | Tensor | null)[];
  /** How many outputs the node has (1 by default), or which of them have a name. */
  readonly outputs?: number | readonly boolean[];
  /** Draws an input's elements from a standard normal number; the identity by default. Keeps kinks and poles away. */
  readonly draw?: (normal: number, input: number) => number;
  /** Step of the central differences. */
  readonly step?: number;
  /** Inputs whose gradient is not compared, as it is none. */
  readonly fixed?: readonly number[];
}

const shapeOf = (text: string): Shape => (text === '' ? [] : text.split('×').map(Number));

/** The case as a file, with inputs `x0`, `x1`, … and outputs `y0`, `y1`, … */
export function modelOf({ op, domain = '', opset = 17, attributes = {}, inputs, outputs = 1 }: NodeCase): Model {
  const named = typeof outputs === 'number' ? Array<boolean>(outputs).fill(true) : outputs;
  const names = named.map((present, i) => (present ? `y${i}` : ''));
  const node = {
    op,
    domain,
    name: 'only',
    inputs: inputs.map((input, i) => (input === null ? '' : `x${i}`)),
    outputs: names,
    attributes,
  };
  return {
    irVersion: opset < 9 ? 3 : 8,
    opsets: new Map([['', opset], ...(domain ? [[domain, 1] as [string, number]] : [])]),
    producer: 'test',
    metadata: new Map(),
    graph: {
      name: op,
      nodes: [node],
      inputs: inputs.flatMap((input, i) =>
        input === null || (typeof input !== 'string' && opset >= 9)
          ? []
          : [
              {
                name: `x${i}`,
                type: typeof input === 'string' ? ({ dtype: 'float32', shape: shapeOf(input) } as const) : input,
              },
            ],
      ),
      outputs: names.flatMap((name) =>
        name === '' ? [] : [{ name, type: { dtype: 'float32', shape: undefined } as const }],
      ),
      values: [],
      initializers: new Map(
        inputs.flatMap((input, i) => (input !== null && typeof input !== 'string' ? [[`x${i}`, input] as const] : [])),
      ),
    },
  };
}

/** The loss is a random weighting of all outputs, so that every element is told apart. */
export async function expectLikeEngine(one: NodeCase): Promise<void> {
  const { inputs, draw = (x) => x, step = 1e-2, fixed = [] } = one;
  const model = modelOf(one);
  const random = createRandom(17);
  const normals = (shape: Shape) => Float32Array.from({ length: elementCount(shape) }, () => random.normal());
  const fed = inputs.flatMap((input, i) =>
    typeof input === 'string' ? [{ name: `x${i}`, shape: shapeOf(input), index: i }] : [],
  );
  const feeds = Object.fromEntries(
    fed.map(({ name, shape, index }) => [
      name,
      tensor(
        'float32',
        shape,
        normals(shape).map((x) => draw(x, index)),
      ),
    ]),
  );

  const engine = await createSession(writeModel(model), { optimization: 'disabled', threads: 1 });
  const expected = await engine.run(feeds);
  const weights = Object.fromEntries(
    Object.entries(expected).map(([name, { shape }]) => [name, tensor('float32', shape, normals(shape))]),
  );

  const { graph, outputs, weights: parameters } = importModel(model);
  for (const [name, { dtype, shape }] of Object.entries(expected)) {
    expect([name, outputs[name].dtype, ...outputs[name].shape]).toEqual([name, dtype, ...shape]);
  }
  const parts = Object.entries(weights).map(([name, content]) =>
    reduceSum(mul(outputs[name], constant(graph, content)), undefined, false),
  );
  const loss = parts.reduce((a, b) => add(a, b));
  const differentiated = fed.filter(({ index }) => !fixed.includes(index));
  const values = differentiated.map(({ name }) => graph.inputs.find((value) => value.name === name) as Value);
  const computed = Object.fromEntries(
    gradients(graph, loss, values).map((value, i) => [differentiated[i].name, value]),
  );
  const renamed = Object.fromEntries(Object.entries(computed).map(([name, value]) => [`gradient ${name}`, value]));
  const session = await createSession(
    writeModel(exportModel(graph, { ...outputs, ...renamed }, { weights: parameters })),
    {
      optimization: 'disabled',
      threads: 1,
    },
  );
  const found = await session.run(feeds);
  await session.release();
  for (const [name, { data }] of Object.entries(expected)) {
    const scale = Math.max(1, ...numbersOf(expected[name]).map(Math.abs));
    for (let k = 0; k < data.length; k++) {
      const error = Math.abs(Number(data[k]) - Number(found[name].data[k])) / scale;
      expect(error, `${name}, element ${k}: ${found[name].data[k]}, the engine's ${data[k]}`).toBeLessThan(2e-5);
    }
  }

  const lossNow = async () => {
    const results = await engine.run(feeds);
    let sum = 0;
    for (const [name, { data }] of Object.entries(results)) {
      for (let k = 0; k < data.length; k++) sum += Number(data[k]) * weights[name].data[k];
    }
    return sum;
  };
  for (const { name, shape } of differentiated) {
    const { data } = feeds[name];
    const gradient = found[`gradient ${name}`];
    expect(gradient.shape).toEqual(shape);
    const differences = new Float64Array(data.length);
    for (let k = 0; k < data.length; k++) {
      const original = data[k];
      data[k] = original + step;
      const [above, high] = [await lossNow(), data[k]];
      data[k] = original - step;
      differences[k] = (above - (await lossNow())) / (high - data[k]);
      data[k] = original;
    }
    const scale = Math.max(1, ...differences.map(Math.abs));
    differences.forEach((value, k) => {
      const error = Math.abs(Number(gradient.data[k]) - value) / scale;
      expect(error, `${name}, element ${k}: ${gradient.data[k]} against ${value}`).toBeLessThan(5e-3);
    });
  }
  await engine.release();
}
