// Weights that vanished: 0 where a network runs, and as they are wherever they could be more than a weight.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input } from '#src/onnx/graph.js';
import type { Model } from '#src/onnx/model.js';
import { add, batchNormalization, conv, div, max, pRelu, resize } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { withoutVanished, withoutVanishedWeights } from '#src/onnx/vanishing.js';
import { writeModel } from '#src/onnx/write.js';
import { prepareFloat } from '#src/quantize/floatNetwork.js';
import { createSession } from '#src/runtime/session.js';
import { loadModel } from '#src/segment/loadModel.js';
import type { SegmentationModel } from '#src/segment/model.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, tensor } from '#src/tensor/tensor.js';
import { normalised } from '../segment/tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-vanishing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Below 2⁻¹⁰⁰, normal and not, and what stays. */
const [small, subnormal, least] = [2 ** -101, -(2 ** -140), 2 ** -100];

/** Weights of the name, every third of which vanished. */
const decayed = (name: string, shape: number[]) =>
  float32(
    shape,
    symmetricByName(name, shape, 0.6).data.map((value, i) => (i % 3 === 1 ? (i % 2 ? small : subnormal) : value)),
  );

/** A normalised convolution, with weights of every kind that vanish, and a divisor that a small number keeps from 0. */
function decayedModel(): Model {
  const graph = createGraph('decayed');
  const image = input(graph, 'image', 'float32', [1, 3, 12, 16]);
  const named = (name: string, shape: number[]) => constant(graph, decayed(name, shape), name);
  const ones = constant(graph, float32([6], new Float32Array(6).fill(1)), 'variance');
  const maps = conv(image, named('a.weight', [6, 3, 3, 3]), named('a.bias', [6]), { pads: [1, 1, 1, 1] });
  const mean = constant(graph, float32([6], [small, 1, small, 0, 2, 0]), 'mean');
  const normal = batchNormalization(maps, named('scale', [6]), named('offset', [6]), mean, ones, 1e-5);
  const x = pRelu(normal, named('slope', [6, 1, 1]));
  const divisor = max(x, constant(graph, float32([1, 6, 1, 1], new Float32Array(6).fill(small)), 'smallest'));
  const both = named('both', [4, 6, 1, 1]);
  const scores = conv(add(x, div(x, divisor)), both, undefined);
  const logits = add(scores, conv(div(x, max(x, constant(graph, float32([1], [1])))), named('b.weight', [4, 6, 1, 1])));
  return exportModel(graph, { logits }, { metadata: normalised });
}

const model = decayedModel();
const path = join(folder, 'decayed.onnx');
writeFileSync(path, writeModel(model));
const weights = ['a.weight', 'a.bias', 'scale', 'offset', 'slope', 'both', 'b.weight'];
const valuesOf = (of: Model, name: string) => [...(of.graph.initializers.get(name)?.data ?? [])].map(Number);
/** The model of a network's sessions. */
function runBy({ sessionContent }: SegmentationModel): Model {
  if (typeof sessionContent === 'string') throw new Error('expected bytes');
  return readModel(sessionContent, 'run');
}
const cleared = (values: readonly number[]) => values.map((value) => (Math.abs(value) < least ? 0 : value));

describe('weights that vanished', () => {
  it('are 0, and all others stay, whatever they are', () => {
    const values = [small, -small, subnormal, least, -least, 0, 1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** -99];
    const weight = float32([10], values);
    expect([...withoutVanished(weight).data]).toEqual([0, 0, 0, ...values.slice(3)]);
    expect([...weight.data]).toEqual(values);
    const sound = float32([3], values.slice(3, 6));
    expect(withoutVanished(sound)).toBe(sound);
    const half = tensor('float16', [1], Uint16Array.of(1));
    expect(withoutVanished(half)).toBe(half);
  });

  it('are 0 in layers of a model; running statistics and what bounds a divisor stay', () => {
    const kept = withoutVanishedWeights(model);
    for (const name of weights) {
      expect(valuesOf(model, name).some((value) => value !== 0 && Math.abs(value) < least)).toBe(true);
      expect(valuesOf(kept, name)).toEqual(cleared(valuesOf(model, name)));
    }
    for (const name of ['mean', 'smallest']) expect(valuesOf(kept, name)).toEqual(valuesOf(model, name));
    expect(kept.graph.nodes).toEqual(model.graph.nodes);
    expect(withoutVanishedWeights(kept)).toBe(kept);
  });

  it('stay where another operator, an output or a part inside a node can use them', () => {
    const [node] = model.graph.nodes;
    const also = (changed: Partial<Model['graph']>) =>
      withoutVanishedWeights({ ...model, graph: { ...model.graph, ...changed } });
    const user = { ...node, op: 'Neg', inputs: ['a.weight'], outputs: ['elsewhere'], attributes: {} };
    const used = also({ nodes: [...model.graph.nodes, user] });
    expect(valuesOf(used, 'a.weight')).toEqual(valuesOf(model, 'a.weight'));
    expect(valuesOf(used, 'both')).toEqual(cleared(valuesOf(model, 'both')));
    const foreign = also({
      nodes: [...model.graph.nodes, { ...user, op: 'Conv', domain: 'own', inputs: ['', 'both'] }],
    });
    expect(valuesOf(foreign, 'both')).toEqual(valuesOf(model, 'both'));
    const given = also({ outputs: [...model.graph.outputs, { name: 'scale', type: undefined }] });
    expect(valuesOf(given, 'scale')).toEqual(valuesOf(model, 'scale'));
    const inside = { ...user, inputs: [], attributes: { body: { kind: 'opaque' as const, value: new Uint8Array() } } };
    const whole = { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes, inside] } };
    expect(withoutVanishedWeights(whole)).toBe(whole);
  });

  it('are 0 in the sessions of a network, which says the same, and as they are in its file', async () => {
    const loaded = await loadModel(path);
    expect(loaded.content).toBe(path);
    expect(valuesOf(runBy(loaded), 'b.weight')).toEqual(cleared(valuesOf(model, 'b.weight')));
    await loaded.release();
    // Nothing vanished: the file itself is run.
    const sound = join(folder, 'sound.onnx');
    writeFileSync(sound, writeModel(withoutVanishedWeights(model)));
    const other = await loadModel(sound);
    expect(other.sessionContent).toBe(sound);
    await other.release();
    const image = symmetricByName('image', [1, 3, 12, 16], 2);
    const said = await Promise.all(
      [path, sound].map(async (file) => {
        const session = await createSession(file, { threads: 1 });
        const { logits } = await session.run({ image });
        await session.release();
        return [...logits.data].map(Number);
      }),
    );
    expect(Math.max(...said[0].map(Math.abs))).toBeGreaterThan(0.1);
    said[0].forEach((value, i) => void expect(said[1][i]).toBeCloseTo(value, 6));
  });

  it('are 0 in a network that ends by enlarging its scores, which is cut off', async () => {
    const graph = createGraph('enlarging');
    const image = input(graph, 'image', 'float32', [1, 3, 12, 16]);
    const scores = conv(image, constant(graph, decayed('c.weight', [4, 3, 1, 1]), 'c.weight'));
    const enlarging = exportModel(
      graph,
      { logits: resize(scores, [1, 4, 24, 32], 'linear', 'half_pixel') },
      { metadata: normalised },
    );
    const loaded = await loadModel(writeModel(enlarging));
    expect(loaded.sessionCut).toBeDefined();
    expect(valuesOf(runBy(loaded), 'c.weight')).toEqual(cleared(valuesOf(enlarging, 'c.weight')));
    await loaded.release();
  });

  it('are 0 in what becomes integers, normalisations folded', async () => {
    const { model: float } = await prepareFloat(model, 'decayed', { image: [1, 3, 12, 16] });
    expect(float.graph.nodes.some(({ op }) => op === 'BatchNormalization')).toBe(false);
    const kernels = float.graph.nodes.filter(({ op }) => op === 'Conv').map(({ inputs }) => inputs[1]);
    expect(kernels.length).toBe(3);
    for (const kernel of kernels) {
      expect(valuesOf(float, kernel).filter((value) => value !== 0 && Math.abs(value) < least)).toEqual([]);
    }
  });
});
