// Every kind of network that others export, built small: labels and confidences are those of its scores, whatever form they come in.
import { describe, expect, it } from 'vitest';
import { SteadysegError, UsageError } from '#src/base/errors.js';
import { presetClasses, setOfNames } from '#src/media/classes.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, type Graph, input, type Value } from '#src/onnx/graph.js';
import type { Dimension, Model } from '#src/onnx/model.js';
import * as ops from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { resizedLabels } from '#src/segment/labelMaps.js';
import { loadModel } from '#src/segment/loadModel.js';
import type { LoadOptions } from '#src/segment/model.js';
import { allFinite } from '#src/segment/nonFinite.js';
import { symmetricByName } from '#src/tensor/random.js';
import { type DType, float32 } from '#src/tensor/tensor.js';
import { randomPixels } from './pixels.js';

const height = 12;
const width = 16;
const pixels = height * width;
const picture = randomPixels(height, width, 3);
const plain = { mean: [0, 0, 0], std: [64, 64, 64] } as const;

interface Form {
  classes?: number;
  /** The input, as planes of float32. */
  image?: (graph: Graph) => { planes: Value };
  /** What becomes of the scores. */
  end?: (scores: Value) => Value | Record<string, Value>;
}

/** A convolution to `classes` maps of scores, and what follows. */
function graphOf({ classes = 4, image = planesIn, end = (scores) => scores }: Form) {
  const graph = createGraph('foreign');
  const { planes } = image(graph);
  const weight = constant(graph, symmetricByName('foreign.weight', [classes, 3, 3, 3], 1));
  const scores = ops.conv(planes, weight, undefined, { pads: [1, 1, 1, 1] });
  const ended = end(scores);
  return { graph, outputs: 'dtype' in ended ? { y: ended as Value } : (ended as Record<string, Value>) };
}

function network(form: Form): Uint8Array {
  const { graph, outputs } = graphOf(form);
  return writeModel(exportModel(graph, outputs));
}

function planesIn(graph: Graph): { planes: Value } {
  return { planes: input(graph, 'image', 'float32', [1, 3, height, width]) };
}

/** The scores `[classes, height·width]` of the picture, by the engine alone. */
async function scoresOf(classes = 4): Promise<Float32Array> {
  const session = await createSession(network({ classes }));
  const planes = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) for (let c = 0; c < 3; c++) planes[c * pixels + i] = picture.data[i * 3 + c] / 64;
  const { y } = await session.run({ image: float32([1, 3, height, width], planes) });
  await session.release();
  return y.data as Float32Array;
}

/** The scores of one pixel. */
const at = (scores: Float32Array, pixel: number) =>
  Array.from({ length: scores.length / pixels }, (_, c) => scores[c * pixels + pixel]);
const best = (values: readonly number[]) => values.indexOf(Math.max(...values));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softmaxOf = (values: readonly number[]) => {
  const powers = values.map((value) => Math.exp(value - Math.max(...values)));
  const sum = powers.reduce((all, one) => all + one, 0);
  return powers.map((power) => power / sum);
};

async function segmented(bytes: Uint8Array, options: LoadOptions = {}, confidence = true) {
  const model = await loadModel(bytes, { ...plain, ...options });
  const result = await model.segment(picture, { confidence });
  await model.release();
  return { ...result, model, notes: model.description.notes.join('\n') };
}

/** Expects labels and confidences of a rule over the scores of a pixel; float16 and rounding leave few pixels in doubt. */
async function expectRule(
  form: Form,
  rule: (scores: number[]) => { label: number; confidence: number },
  options: LoadOptions = {},
) {
  const result = await segmented(network(form), options);
  const scores = await scoresOf(form.classes);
  const expected = Array.from({ length: pixels }, (_, pixel) => rule(at(scores, pixel)));
  expect([...result.labels.data]).toEqual(expected.map(({ label }) => label));
  expect(new Set(result.labels.data).size).toBeGreaterThan(1);
  for (const [pixel, { confidence }] of expected.entries())
    expect(result.confidence?.[pixel]).toBeCloseTo(confidence, 2);
  return result;
}

const exclusive = (values: number[]) => ({ label: best(values), confidence: Math.max(...softmaxOf(values)) });
const toNhwc = (x: Value) => ops.transpose(x, [0, 2, 3, 1]);

describe('scores of classes that exclude each other', () => {
  it.each<[string, NonNullable<Form['end']>]>([
    ['logits', (scores) => scores],
    ['log-probabilities', (scores) => ops.log(ops.softmax(scores, 1))],
    ['a softmax in the graph', (scores) => ops.softmax(scores, 1)],
    ['a softmax, then half precision', (scores) => ops.cast(ops.softmax(scores, 1), 'float16')],
    ['a softmax over the last axis', (scores) => ops.softmax(toNhwc(scores), 3)],
    ['a softmax, then channels last', (scores) => toNhwc(ops.softmax(scores, 1))],
    ['logits with channels last', toNhwc],
    ['logits without a batch', (scores) => ops.reshape(scores, [4, height, width])],
    [
      'a softmax, resized to what it is',
      (scores) => ops.resize(ops.softmax(scores, 1), [1, 4, height, width], 'nearest', 'asymmetric'),
    ],
    ['logits in double precision', (scores) => ops.cast(scores, 'float64')],
    ['a softmax times 255', (scores) => ops.mul(ops.softmax(scores, 1), 255)],
    [
      'a softmax of small parts, known by its values',
      (scores) => {
        const powers = ops.exp(ops.sub(scores, ops.reduceMax(scores, [1], true)));
        return ops.div(powers, ops.reduceSum(powers, [1], true));
      },
    ],
  ])('%s', async (_, end) => {
    await expectRule({ end }, exclusive);
  });

  it('says what it reads as probabilities, and is told otherwise', async () => {
    const bytes = network({ end: (scores) => ops.softmax(scores, 1) });
    const { notes } = await segmented(bytes);
    expect(notes).toMatch(/"y" is read as probabilities: a softmax is in the graph/);
    const told = await segmented(bytes, { scores: 'logits' });
    expect(Math.max(...(told.confidence ?? []))).toBeLessThan(Math.E / (Math.E + 3) + 1e-6);
    expect(told.notes).toBe('');
  });

  it('averages probabilities over the mirrored frame as they are', async () => {
    const model = await loadModel(network({ end: (scores) => ops.softmax(scores, 1) }), plain);
    const other = await loadModel(network({}), plain);
    const [one, two] = await Promise.all(
      [model, other].map((each) => each.segment(picture, { flip: true, confidence: true })),
    );
    expect(one.labels.data).toEqual(two.labels.data);
    for (const [i, value] of (one.confidence ?? []).entries()) expect(value).toBeCloseTo(two.confidence?.[i] ?? 0, 5);
  });
});

describe('one map', () => {
  const binary =
    (threshold: number) =>
    ([score]: number[]) => {
      const probability = sigmoid(score);
      return probability > threshold
        ? { label: 1, confidence: probability }
        : { label: 0, confidence: 1 - probability };
    };

  it.each<[string, NonNullable<Form['end']>]>([
    ['a score', (scores) => scores],
    ['a sigmoid', (scores) => ops.sigmoid(scores)],
    ['a sigmoid with channels last', (scores) => toNhwc(ops.sigmoid(scores))],
    ['a sigmoid without channels', (scores) => ops.squeeze(ops.sigmoid(scores), [1])],
    ['a sigmoid without batch and channels', (scores) => ops.squeeze(ops.sigmoid(scores), [0, 1])],
    ['a score in half precision', (scores) => ops.cast(scores, 'float16')],
    ['a sigmoid times 255', (scores) => ops.mul(ops.sigmoid(scores), 255)],
    ['a sigmoid over 1/255, limited', (scores) => ops.clip(ops.div(ops.sigmoid(scores), 1 / 255), 0, 255)],
    ['a sigmoid as bytes', (scores) => ops.cast(ops.round(ops.mul(ops.sigmoid(scores), 255)), 'uint8')],
    ['a sigmoid by hand, known by its values', (scores) => ops.reciprocal(ops.add(ops.exp(ops.neg(scores)), 1))],
  ])('%s tells a class from the background', async (_, end) => {
    const { model, notes } = await expectRule({ classes: 1, end }, binary(0.5));
    expect(model.classes.classes).toEqual(['background', 'foreground']);
    expect(notes).toMatch(/one map: a pixel is label 1 \("foreground"\) where its probability is above 0\.5/);
  });

  it.each([0.2, 0.9])('is divided at %f', async (threshold) => {
    await expectRule({ classes: 1 }, binary(threshold), { threshold });
    await expectRule({ classes: 1, end: ops.sigmoid }, binary(threshold), { threshold });
  });

  it('has the names it is given, and the background where they have it', async () => {
    const one = (classes: string[]) => segmented(network({ classes: 1 }), { classes: setOfNames('file', classes) });
    expect((await one(['person'])).model.classes.classes).toEqual(['background', 'person']);
    const swapped = await one(['person', 'background']);
    const scores = await scoresOf(1);
    expect([...swapped.labels.data]).toEqual([...scores].map((score) => (score > 0 ? 0 : 1)));
    await expect(one(['a', 'b', 'c'])).rejects.toThrow(/names of two classes, .* found the 3 of "file"/);
  });

  it('is averaged over the mirrored frame', async () => {
    const results = [];
    for (const end of [(scores: Value) => scores, ops.sigmoid]) {
      const model = await loadModel(network({ classes: 1, end }), plain);
      results.push(await model.segment(picture, { flip: true, confidence: true }));
    }
    expect(results[0].labels.data).toEqual(results[1].labels.data);
    expect(new Set(results[0].labels.data)).toEqual(new Set([0, 1]));
  });

  it('cut out of a softmax is the probability of its class', async () => {
    const end = (scores: Value) => ops.slice(ops.softmax(scores, 1), [1], [1], [2]);
    const rule = (values: number[]) => {
      const [, probability] = softmaxOf(values);
      return probability > 0.5 ? { label: 1, confidence: probability } : { label: 0, confidence: 1 - probability };
    };
    const { notes } = await expectRule({ classes: 2, end }, rule);
    expect(notes).toMatch(/read as probabilities: a softmax is in the graph/);
  });

  it('of one sign keeps its meaning: what a squashing function gives are scores', async () => {
    const positive = (scores: Value) => ops.tanh(ops.add(ops.abs(scores), 0.01));
    const { labels } = await segmented(network({ classes: 1, end: positive }));
    expect(new Set(labels.data)).toEqual(new Set([1]));
  });

  it('that may be anything is refused, with the way out', async () => {
    const bytes = network({ classes: 1, end: (scores) => ops.clip(scores, 0, 6) });
    await expect(segmented(bytes)).rejects.toThrow(
      /from 0 to 1, or scores on both sides of 0, found 0 to .*above 0, say --scores logits/,
    );
    const scores = await scoresOf(1);
    const { labels } = await segmented(bytes, { scores: 'logits' });
    expect([...labels.data]).toEqual([...scores].map((score) => (score > 0 ? 1 : 0)));
  });

  it('is not read in one way here and in another there', async () => {
    const end = (scores: Value) => {
      const size = ops.abs(scores);
      const isBright = ops.cast(ops.greater(ops.reduceMax(size, [1, 2, 3], true), 0.5), 'float32');
      return ops.sub(ops.exp(ops.neg(size)), isBright);
    };
    const model = await loadModel(network({ classes: 1, end }), plain);
    const dark = { ...picture, data: new Uint8Array(picture.data.length) };
    await model.segment(dark);
    await expect(model.segment(picture)).rejects.toThrow(
      /expected probabilities as in the frames before, found scores by the values of the output "y": --scores/,
    );
    await model.segment(dark);
    await model.release();
    const told = await segmented(network({ classes: 1, end }), { scores: 'logits' });
    expect(new Set(told.labels.data)).toEqual(new Set([0]));
  });

  it('of a softmax is refused: it is 1 everywhere', async () => {
    await expect(segmented(network({ classes: 1, end: (scores) => ops.softmax(scores, 1) }))).rejects.toThrow(
      /1 everywhere/,
    );
  });
});

describe('several sigmoids', () => {
  const end = (scores: Value) => ops.sigmoid(ops.sub(scores, 2));
  const rule = (background: number, first: number) => (values: number[]) => {
    const probability = sigmoid(Math.max(...values) - 2);
    return probability > 0.5
      ? { label: best(values) + first, confidence: probability }
      : { label: background, confidence: 1 - probability };
  };

  it('have a background where none is above the threshold: 0 without names', async () => {
    const { model, notes } = await expectRule({ end }, rule(0, 1));
    expect(model.classes.classes).toEqual(['background', 'class 1', 'class 2', 'class 3', 'class 4']);
    expect(notes).toMatch(/4 maps of classes that stand each alone.*else label 0 \("background"\)/);
  });

  it('keep the ids of their names, and the background comes after them', async () => {
    const { model } = await expectRule({ end }, rule(4, 0), { classes: setOfNames('file', ['a', 'b', 'c', 'd']) });
    expect(model.classes.classes).toEqual(['a', 'b', 'c', 'd', 'background']);
  });

  it('have the background that is named', async () => {
    await expectRule({ end }, rule(0, 1), { classes: setOfNames('file', ['background', 'a', 'b', 'c', 'd']) });
    await expectRule({ end }, (values) => ({ label: best(values), confidence: sigmoid(Math.max(...values) - 2) }), {
      classes: setOfNames('file', ['a', 'b', 'c', 'Background']),
    });
  });

  it('exclude each other when the caller says so', async () => {
    const { labels } = await segmented(network({ end }), { scores: 'softmax' });
    const scores = await scoresOf();
    expect([...labels.data]).toEqual(Array.from({ length: pixels }, (_, pixel) => best(at(scores, pixel))));
  });
});

describe('labels', () => {
  const label = (values: number[]) => ({ label: best(values), confidence: 0 });
  const asType = (dtype: DType) => (scores: Value) => ops.cast(ops.argMax(scores, 1, false), dtype);

  it.each<[string, NonNullable<Form['end']>]>([
    ['int64', (scores) => ops.argMax(scores, 1, false)],
    ['int64 with an axis of 1', (scores) => ops.argMax(scores, 1)],
    ['int64 of channels last', (scores) => ops.argMax(toNhwc(scores), 3)],
    ['int32', asType('int32')],
    ['uint8', asType('uint8')],
    ['float32', asType('float32')],
    ['float16', asType('float16')],
    ['int64 without a batch', (scores) => ops.squeeze(ops.argMax(scores, 1), [0, 1])],
    ['float32 of channels last', (scores) => ops.cast(ops.argMax(toNhwc(scores), 3), 'float32')],
  ])('%s', async (_, end) => {
    const scores = await scoresOf();
    const { labels, model, notes } = await segmented(network({ end }), {}, false);
    expect([...labels.data]).toEqual(Array.from({ length: pixels }, (_, pixel) => label(at(scores, pixel)).label));
    expect(model.classes.classes).toHaveLength(4);
    expect(notes).toMatch(/"y" is read as labels: a choice of the class is in the graph/);
  });

  it('of yes and no', async () => {
    const scores = await scoresOf(1);
    const { labels, model } = await segmented(
      network({ classes: 1, end: (x) => ops.cast(ops.greater(x, 0.25), 'uint8') }),
      {},
      false,
    );
    expect([...labels.data]).toEqual([...scores].map((score) => (score > 0.25 ? 1 : 0)));
    expect(model.classes.classes).toHaveLength(2);
  });

  it('are those of the pixel a pixel lies in, at another size', () => {
    const map = { width: 3, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect([...resizedLabels(map, 4, 6)]).toEqual([
      1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 4, 4, 5, 5, 6, 6,
    ]);
    expect([...resizedLabels(map, 1, 1)]).toEqual([5]);
    expect([...resizedLabels(map, 2, 2)]).toEqual([1, 3, 4, 6]);
  });

  it('have no confidence and no average', async () => {
    const model = await loadModel(network({ end: asType('int32') }), plain);
    for (const [options, message] of [
      [{ confidence: true }, /expected scores for a confidence, found that "y" gives labels/],
      [{ flip: true }, /expected scores to average .* gives labels/],
      [{ tile: { height: 6, width: 8 } }, /expected scores to average/],
    ] as const) {
      await expect(model.segment(picture, options)).rejects.toThrow(UsageError);
      await expect(model.segment(picture, options)).rejects.toThrow(message);
    }
  });

  it('that are changed after the choice of the class are taken as they come, and that is said', async () => {
    const scores = await scoresOf();
    const end = (x: Value) => ops.cast(ops.add(ops.cast(ops.argMax(x, 1, false), 'float32'), 1), 'int32');
    const { labels, notes } = await segmented(network({ end }), {}, false);
    expect([...labels.data]).toEqual(Array.from({ length: pixels }, (_, pixel) => best(at(scores, pixel)) + 1));
    expect(notes).toMatch(/a choice of the class, and Add changes the labels after it/);
  });

  it('are refused where they cannot be labels', async () => {
    const scores = { scores: 'labels' } as const;
    await expect(segmented(network({ classes: 1 }), scores, false)).rejects.toThrow(
      /expected labels from 0 to .* \(are these scores/,
    );
    await expect(segmented(network({ classes: 4 }), scores, false)).rejects.toThrow(
      /expected labels of 1×height×width/,
    );
    await expect(segmented(network({ end: asType('uint8') }), { scores: 'logits' })).rejects.toThrow(
      /whole numbers are labels/,
    );
    const two = { classes: setOfNames('file', ['a', 'b']) };
    await expect(segmented(network({ end: asType('uint8') }), two, false)).rejects.toThrow(
      /the 2 classes of "file", found a network of 4/,
    );
  });
});

describe('pixels', () => {
  const last = (dtype: DType) => (graph: Graph) => {
    const image = input(graph, 'image', dtype, [1, height, width, 3]);
    const values = dtype === 'float32' ? image : ops.cast(image, 'float32');
    const scaled = dtype === 'uint8' ? ops.div(values, 64) : values;
    return { planes: ops.transpose(scaled, [0, 3, 1, 2]) };
  };

  it.each(['float32', 'float16'] as const)('%s with channels last', async (dtype) => {
    const { model } = await expectRule({ image: last(dtype) }, exclusive);
    expect(model.description).toMatchObject({ input: { layout: 'nhwc', dtype }, height, width });
  });

  it('with channels last and open sizes', async () => {
    const model: Model = readModel(network({ image: last('float32') }));
    for (const shape of [
      [1, 'h', 'w', 3],
      ['n', null, null, null],
    ] satisfies Dimension[][]) {
      const { graph } = model;
      const inputs = graph.inputs.map((value) => ({ ...value, type: { dtype: 'float32' as const, shape } }));
      const outputs = graph.outputs.map(({ name }) => ({ name, type: undefined }));
      const bytes = writeModel({ ...model, graph: { ...graph, inputs, outputs } });
      const { labels, model: loaded } = await segmented(bytes);
      expect(loaded.description.input.layout).toBe('nhwc');
      expect(labels.data).toEqual((await segmented(network({}))).labels.data);
    }
  });

  it('bytes, with channels first and last', async () => {
    const first = (graph: Graph) => ({
      planes: ops.div(ops.cast(input(graph, 'image', 'uint8', [1, 3, height, width]), 'float32'), 64),
    });
    for (const image of [first, last('uint8')]) {
      const expected = await segmented(network({}));
      const model = await loadModel(network({ image }));
      expect(model.description.notes).toEqual([]);
      expect((await model.segment(picture)).labels).toEqual(expected.labels);
      await expect(loadModel(network({ image }), plain)).rejects.toThrow(
        /expected no mean, std or scale for a network that takes bytes/,
      );
    }
  });
});

describe('several outputs', () => {
  const twice = (scores: Value) => ops.mul(scores, 2);

  it.each<[string, Form, LoadOptions, string, RegExp | undefined]>([
    ['logits by name', { end: (s) => ({ b: twice(s), logits: s }) }, {}, 'logits', undefined],
    ['not the auxiliary one', { end: (s) => ({ aux: twice(s), main: s }) }, {}, 'main', /the rest are auxiliary/],
    ['the one asked for', { end: (s) => ({ aux: twice(s), main: s }) }, { output: 'aux' }, 'aux', undefined],
    [
      'the largest',
      { end: (s) => ({ side: ops.averagePool(s, { kernel: [2, 2], strides: [2, 2] }), main: s }) },
      {},
      'main',
      /largest/,
    ],
    [
      'as many maps as names',
      { end: (s) => ({ a: ops.slice(s, [1], [0], [3]), b: s }) },
      { classes: setOfNames('file', ['a', 'b', 'c', 'd']) },
      'b',
      /a map for each name/,
    ],
    [
      'scores before labels',
      { end: (s) => ({ labels: ops.argMax(s, 1, false), scores: s }) },
      {},
      'scores',
      /the rest labels/,
    ],
    [
      'labels before their probability',
      { end: (s) => ({ sure: ops.reduceMax(ops.softmax(s, 1), [1], true), labels: ops.argMax(s, 1, false) }) },
      {},
      'labels',
      /the rest single maps/,
    ],
    [
      'what can be scores at all',
      { end: (s) => ({ vector: ops.reshape(ops.globalAveragePool(s), [1, 4]), main: s }) },
      {},
      'main',
      /no other fits/,
    ],
  ])('%s', async (_, form, options, expected, message) => {
    const { description } = await loadModel(network(form), { ...plain, ...options });
    expect(description.output.name).toBe(expected);
    const note = description.notes.find((line) => line.includes('of the outputs'));
    if (message) expect(note).toMatch(message);
    else expect(note).toBeUndefined();
  });

  it('are listed where any may be meant, and where another is asked for', async () => {
    const bytes = network({ end: (s) => ({ area: s, lanes: twice(s) }) });
    const listed = /area 1×4×12×16, lanes 1×4×12×16/;
    await expect(loadModel(bytes, plain)).rejects.toThrow(listed);
    await expect(loadModel(bytes, plain)).rejects.toThrow(/choose one with --output/);
    await expect(loadModel(bytes, { ...plain, output: 'lane' })).rejects.toThrow(
      /no output "lane", but .*did you mean lanes/,
    );
  });
});

describe('scores that are no numbers', () => {
  const oneBad = (value: number) => (scores: Value) => {
    const bad = new Float32Array(pixels);
    bad[37] = value;
    return ops.add(scores, constant(scores.graph, float32([1, 1, height, width], bad)));
  };

  it.each([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['infinity', Number.NEGATIVE_INFINITY],
  ])('%s is an error, and the weights that hold it are said', async (name, value) => {
    const model = await loadModel(network({ end: oneBad(value) }), plain);
    await expect(model.segment(picture)).rejects.toThrow(`expected finite scores, found ${name} in the output "y"`);
    expect(model.description.notes.join()).toMatch(/weights that are not finite: NaN or infinity in "/);
  });
});

it('a single value that is not finite is found wherever it is', () => {
  const values = Float32Array.from({ length: 11 }, (_, at) => at - 5);
  expect(allFinite(values)).toBe(true);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const at of values.keys()) expect(allFinite(values.with(at, bad))).toBe(false);
  }
});

describe('names', () => {
  const cityscapes = presetClasses('cityscapes');
  const named = (names: readonly string[]) => {
    const { graph, outputs } = graphOf({ classes: names.length });
    return writeModel(exportModel(graph, outputs, { metadata: new Map([['classes', JSON.stringify(names)]]) }));
  };

  it('of a preset have its colours, whatever stands between words', async () => {
    const { classes } = await loadModel(named(cityscapes.classes.map((name) => name.replace(' ', '_'))), plain);
    expect(classes.palette).toEqual(cityscapes.palette);
  });

  it('that a preset contradicts are an error; a file renames, and that is said', async () => {
    const bytes = named(presetClasses('camvid').classes);
    await expect(loadModel(bytes, { ...plain, classes: cityscapes })).rejects.toThrow(UsageError);
    await expect(loadModel(bytes, { ...plain, classes: cityscapes })).rejects.toThrow(
      /class 0 is "sky" in the model, "road" in "cityscapes"/,
    );
    expect((await loadModel(bytes, { ...plain, classes: presetClasses('camvid') })).description.notes).toEqual([]);
    const renamed = await loadModel(bytes, { ...plain, classes: { ...cityscapes, name: 'mine.yaml' } });
    expect(renamed.description.notes.join()).toMatch(/the classes are renamed: class 0 is "sky" in the model/);
  });
});

it('a threshold where the highest score decides is wrong usage', async () => {
  await expect(loadModel(network({}), { ...plain, threshold: 0.4 })).rejects.toThrow(UsageError);
  await expect(loadModel(network({ classes: 1 }), { ...plain, threshold: 1 })).rejects.toThrow(
    /threshold between 0 and 1/,
  );
});

it.each<[string, unknown, RegExp]>([
  [
    'too few bytes',
    { width: 16, height: 12, data: new Uint8Array(5) },
    /16×12 as a Uint8Array of 576 bytes, 3 a pixel, found Uint8Array of 5/,
  ],
  ['four channels', { width: 16, height: 12, data: new Uint8Array(768) }, /found Uint8Array of 768/],
  ['numbers', { width: 16, height: 12, data: new Float32Array(576) }, /found Float32Array/],
  ['no sides', { width: 0, height: 12, data: new Uint8Array(0) }, /whole sides of at least 1 pixel, found 0×12/],
  ['half a pixel', { width: 1.5, height: 2, data: new Uint8Array(9) }, /whole sides/],
])('a picture that is none is refused: %s', async (_, image, message) => {
  const model = await loadModel(network({}), plain);
  await expect(model.segment(image as typeof picture)).rejects.toThrow(message);
  await expect(model.segment(image as typeof picture)).rejects.toThrow(SteadysegError);
});
