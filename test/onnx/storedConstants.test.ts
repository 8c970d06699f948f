// Weights that files list as inputs, or keep in Constant nodes, as old and other exporters write them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { convertFile } from '#src/nets/convertFile.js';
import { createEditor } from '#src/onnx/editor.js';
import type { Model } from '#src/onnx/model.js';
import { readModelFile, writeModelFile } from '#src/onnx/modelFile.js';
import { summarizeModel } from '#src/onnx/summary.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { readStateDict } from '#src/weights/openWeights.js';
import { tinyModel } from '../segment/tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-constants-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** A network of 40·3·3·3 weights and 40 biases. */
const asInitializers = tinyModel({ classes: 40 });

/** The same in the form of opset 8: a file format in which weights have to be inputs too. */
function listed(): Model {
  const { graph } = asInitializers;
  const inputs = [...graph.initializers].map(([name, { dtype, shape }]) => ({ name, type: { dtype, shape } }));
  return {
    ...asInitializers,
    irVersion: 3,
    opsets: new Map([['', 8]]),
    graph: { ...graph, inputs: [...graph.inputs, ...inputs] },
  };
}

/** The same with its weights in `Constant` nodes. */
function inNodes(): Model {
  const editor = createEditor(asInitializers);
  for (const [name, value] of asInitializers.graph.initializers) {
    editor.removeInitializer(name);
    editor.insert([
      {
        op: 'Constant',
        domain: '',
        name: `${name}.node`,
        inputs: [],
        outputs: [name],
        attributes: { value: { kind: 'tensor', value } },
      },
    ]);
  }
  return editor.finish();
}

async function run(model: Model): Promise<ArrayLike<number>> {
  const session = await createSession(writeModel(model));
  const { logits } = await session.run({ image: symmetricByName('image', [1, 3, 12, 16], 1) });
  await session.release();
  return logits.data as Float32Array;
}

describe.each([
  ['inputs', listed],
  ['Constant nodes', inNodes],
])('weights in %s', (_, make) => {
  it('count as parameters', () => {
    const { parameters } = summarizeModel(make());
    expect(parameters).toEqual(summarizeModel(asInitializers).parameters);
    expect(parameters).toMatchObject({ count: 40 * 27 + 40, tensors: 2 });
  });

  it.each(['float16', 'int8'] as const)('are stored as %s, in a file that runs and comes back', async (storage) => {
    await writeModelFile(at('whole.onnx'), make());
    await convertFile(at('whole.onnx'), at('small.onnx'), { storage });
    const small = await readModelFile(at('small.onnx'));
    const { bytes, count } = summarizeModel(small).parameters;
    expect(bytes[storage]).toBe(40 * 27 * (storage === 'int8' ? 1 : 2));
    expect(count).toBeGreaterThanOrEqual(40 * 27 + 40);
    const expected = await run(asInitializers);
    const found = await run(small);
    for (let i = 0; i < expected.length; i++) expect(found[i]).toBeCloseTo(expected[i], 1);
    expect(summarizeModel(small).inputs.map(({ name }) => name)).toEqual(['image']);
  });

  it('are found by name', async () => {
    await writeModelFile(at('whole.onnx'), make());
    await convertFile(at('whole.onnx'), at('weights.safetensors'));
    const { tensors } = await readStateDict(at('weights.safetensors'));
    expect([...tensors.keys()].sort()).toEqual([...asInitializers.graph.initializers.keys()].sort());
  });

  it('stay where they are in a file that is only copied', async () => {
    await writeModelFile(at('whole.onnx'), make());
    await convertFile(at('whole.onnx'), at('copy.onnx'));
    expect((await readModelFile(at('copy.onnx'))).graph.nodes.map(({ op }) => op)).toEqual(
      make().graph.nodes.map(({ op }) => op),
    );
  });
});
