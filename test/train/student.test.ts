// Any network is a student: files of others train and go back as they came, and so does an object from outside the library.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLabelMap, writeLabelMap } from '#src/media/labels.js';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, parameter, type Value } from '#src/onnx/graph.js';
import { halve } from '#src/onnx/halfStorage.js';
import { describeModel, readDescription } from '#src/onnx/metadata.js';
import type { Model } from '#src/onnx/model.js';
import { batchNormalization, conv, relu, resize, sigmoid, slice, softmax, transpose } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession } from '#src/runtime/session.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Shape, type Tensor } from '#src/tensor/tensor.js';
import { writeToyCity } from '#src/toycity/write.js';
import { parseConfig } from '#src/train/config.js';
import { onnxStudent } from '#src/train/openStudent.js';
import { readMetrics, runFiles } from '#src/train/runFolder.js';
import type { Student } from '#src/train/student.js';
import { type TrainOptions, train } from '#src/train/trainer.js';
import { describeWithShared, sharedPath } from '../shared.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-student-'));
const data = join(folder, 'toy');

beforeAll(async () => {
  await writeToyCity({ out: data, clips: 2, valClips: 1, frames: 3, height: 48, width: 64, seed: 3 });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const weightShapes: Record<string, Shape> = {
  'first.weight': [8, 3, 3, 3],
  'first.bias': [8],
  'bn.weight': [8],
  'bn.bias': [8],
  'bn.running_mean': [8],
  'last.weight': [19, 8, 1, 1],
};

const initial = (name: string): Tensor<'float32'> => {
  const values = symmetricByName(name, weightShapes[name], name === 'bn.weight' ? 1.5 : 0.4);
  return name === 'bn.weight' ? float32([8], values.data.map(Math.abs)) : values;
};

/** A small network of someone else: convolution, batch normalisation, convolution, enlargement. */
function body(image: Value, declare: (name: string, shape: Shape) => Value): Value {
  const of = (name: string) => declare(name, weightShapes[name]);
  const variance = constant(image.graph, float32([8], Array(8).fill(2)), 'bn.running_var');
  const pads = { pads: [1, 1, 1, 1], strides: [2, 2] };
  const x = conv(image, of('first.weight'), of('first.bias'), pads);
  const normalized = batchNormalization(x, of('bn.weight'), of('bn.bias'), of('bn.running_mean'), variance);
  const scores = conv(relu(normalized), of('last.weight'));
  const [batch, , height, width] = image.shape;
  return resize(scores, [batch, 19, height, width], 'linear', 'half_pixel');
}

type Finish = (scores: Value) => Value;

function model(finish: Finish = (scores) => scores, layout: 'nchw' | 'nhwc' = 'nchw'): Model {
  const graph = createGraph('someone else');
  const shape = layout === 'nchw' ? [1, 3, 32, 48] : [1, 32, 48, 3];
  const image = input(graph, 'pixels', 'float32', shape);
  const planes = layout === 'nchw' ? image : transpose(image, [0, 3, 1, 2]);
  const declare = (name: string) => constant(graph, initial(name), name);
  const scores = finish(body(planes, declare));
  return { ...exportModel(graph, { scores }), producer: 'someone', metadata: new Map([['kept', 'as it is']]) };
}

function file(name: string, content: Model): string {
  const path = join(folder, name);
  writeFileSync(path, writeModel(content));
  return path;
}

const configured = (changes: object = {}) =>
  parseConfig(
    {
      network: {},
      data: { layout: 'toycity', root: data },
      crop: [32, 48],
      batch: 2,
      steps: 4,
      checkpointEvery: 2,
      losses: { motion: 0.1 },
      optimizer: { method: 'adam', rate: 0.01 },
      ...changes,
    },
    'test.yaml',
  );

async function run(name: string, config: ReturnType<typeof configured>, options: Partial<TrainOptions> = {}) {
  const out = join(folder, name);
  const result = await train({ config, out, ...options });
  const records = await readMetrics(runFiles(out).metrics);
  const losses = records.flatMap((record) => ('losses' in record ? [record.losses.loss] : []));
  return { bytes: readFileSync(result.model), losses };
}

const unchanged = { scale: [1, 1], rotationProbability: 0, blurProbability: 0, flipProbability: 0 };

describe('a file of someone else', { timeout: 120_000 }, () => {
  it('trains at another batch than it was exported for, and goes back as it came but for its weights', async () => {
    const path = file('plain.onnx', model());
    const network = { model: path, mean: [100, 100, 100], std: [60, 60, 60] };
    const { bytes, losses } = await run('plain', configured({ network, steps: 12, batch: 3, augmentation: unchanged }));
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    const before = readModel(readFileSync(path));
    const after = readModel(bytes);
    const rest = ({ graph, metadata: _, ...others }: Model) => ({
      ...others,
      graph: { ...graph, initializers: [...graph.initializers.keys()] },
    });
    expect(rest(after)).toEqual(rest(before));
    expect(after.metadata.get('kept')).toBe('as it is');
    // What the configuration says of its pixels, so that predict need not be told.
    expect(readDescription(after.metadata, '')).toEqual({
      mean: [100, 100, 100],
      std: [60, 60, 60],
      channelOrder: 'rgb',
    });
    const changed = [...before.graph.initializers].filter(([name, { data: old }]) => {
      const found = after.graph.initializers.get(name)?.data;
      return Array.from(old as Float32Array).some((value, i) => value !== found?.[i]);
    });
    // Statistics are fixed unless asked for, and the resizing is no weight.
    expect(changed.map(([name]) => name).sort()).toEqual([
      'bn.bias',
      'bn.weight',
      'first.bias',
      'first.weight',
      'last.weight',
    ]);
    const session = await createSession(bytes);
    const { scores } = await session.run({ pixels: symmetricByName('x', [1, 3, 32, 48], 1) });
    expect(scores.shape).toEqual([1, 19, 32, 48]);
    await session.release();
  });

  it('takes what is said of its pixels along, and nothing that is guessed', async () => {
    const written = async (path: string, options: Parameters<typeof onnxStudent>[1]) => {
      const student = await onnxStudent(path, options);
      return student.toModel(student.weights, { size: [32, 48], description: {} });
    };
    const said = async (path: string, options: Parameters<typeof onnxStudent>[1]) =>
      readDescription(readModel(await written(path, options)).metadata, path);
    const plain = file('said.onnx', model());
    expect(Buffer.from(await written(plain, {})).equals(readFileSync(plain))).toBe(true);

    const pixels = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.5, 0.25], channelOrder: 'bgr' } as const;
    const described = await said(plain, pixels);
    expect(described).toEqual({
      mean: [0.3, 0.2, 0.1].map((value) => expect.closeTo(255 * value, 9)),
      std: [0.25, 0.5, 0.5].map((value) => expect.closeTo(255 * value, 9)),
      channelOrder: 'bgr',
    });
    const again = file('said again.onnx', readModel(await written(plain, pixels)));
    const [told, found] = [await onnxStudent(plain, pixels), await onnxStudent(again)];
    expect(found.preprocessing).toEqual(told.preprocessing);
    expect(found.description.notes).toEqual([]);
    // Said once more it is no news; another order of channels is, and so are the numbers in it.
    expect(Buffer.from(await written(again, pixels)).equals(readFileSync(again))).toBe(true);
    const turned = await said(again, { channelOrder: 'rgb' });
    expect(turned.mean).toEqual(described.mean?.toReversed());
    expect(turned.channelOrder).toBe('rgb');
    expect(await said(plain, { channelOrder: 'bgr' })).toEqual({ channelOrder: 'bgr' });

    const licensed = file('licensed.onnx', { ...model(), metadata: new Map([describeModel({ licence: 'MIT' })]) });
    expect(await said(licensed, pixels)).toEqual({ licence: 'MIT', ...described });

    // Numbers that a caller would mean for pixels 0..1 are what they are.
    const bytes = { mean: [0, 0, 0], std: [0.00392, 0.00392, 0.00392] } as const;
    const raw = file('raw.onnx', readModel(await written(plain, bytes)));
    const { preprocessing, description } = await onnxStudent(raw);
    expect(preprocessing).toEqual((await onnxStudent(plain, bytes)).preprocessing);
    expect(description.notes.join()).toMatch(/are of pixels 0\.\.255/);

    // A file beside the network, which metadata would go before, says more.
    const beside = join(folder, 'hub');
    mkdirSync(beside);
    const hub = join(beside, 'model.onnx');
    writeFileSync(hub, readFileSync(plain));
    const preprocessor = { image_mean: [0.5, 0.4, 0.3], image_std: [0.2, 0.2, 0.2], size_divisor: 32 };
    writeFileSync(join(beside, 'preprocessor_config.json'), JSON.stringify(preprocessor));
    for (const options of [{}, pixels]) {
      expect(Buffer.from(await written(hub, options)).equals(readFileSync(hub))).toBe(true);
    }
  });

  it('has running statistics of its batches when asked to', async () => {
    const network = { model: file('statistics.onnx', model()) };
    const { bytes } = await run('statistics', configured({ network, statistics: 'batch' }));
    const { initializers } = readModel(bytes).graph;
    expect(initializers.get('bn.running_mean')?.data).not.toEqual(initial('bn.running_mean').data);
    expect(initializers.get('bn.running_var')?.data).not.toEqual(Float32Array.from(Array(8).fill(2)));
  });

  it('keeps what is frozen, and refuses patterns that fit nothing', async () => {
    const path = file('frozen.onnx', model());
    const { bytes } = await run(
      'frozen',
      configured({ network: { model: path, train: ['first.*', 'bn.*'], freeze: ['bn.*'] } }),
    );
    const { initializers } = readModel(bytes).graph;
    expect(initializers.get('last.weight')?.data).toEqual(initial('last.weight').data);
    expect(initializers.get('bn.weight')?.data).toEqual(initial('bn.weight').data);
    expect(initializers.get('first.bias')?.data).not.toEqual(initial('first.bias').data);
    await expect(run('typo', configured({ network: { model: path, freeze: ['frist.*'] } }))).rejects.toThrow(
      'frozen.onnx: expected a pattern that fits one of its 5 weights, found "frist.*"',
    );
  });

  it('gives the same bytes when it was interrupted and resumed', async () => {
    const config = configured({ network: { model: file('resumed.onnx', model()) }, statistics: 'batch' });
    const whole = await run('whole', config);
    const interruption = new AbortController();
    const onStep: TrainOptions['onStep'] = ({ step }) => {
      if (step === 2) interruption.abort();
    };
    await expect(run('cut', config, { onStep, signal: interruption.signal })).rejects.toThrow('ended at step 2 of 4');
    expect(readFileSync(runFiles(join(folder, 'cut')).lastModel).equals(whole.bytes)).toBe(false);
    const resumed = await run('cut', config, { resume: true });
    expect(resumed.bytes.equals(whole.bytes)).toBe(true);
    expect(readFileSync(runFiles(join(folder, 'cut')).lastModel).equals(whole.bytes)).toBe(true);
  });

  it('of float16 is trained in float32 and stays float16', async () => {
    const plain = model();
    const initializers = new Map([...plain.graph.initializers].map(([name, value]) => [name, halve(value) ?? value]));
    const casts = [...initializers].flatMap(([name, { dtype }]) =>
      dtype === 'float16'
        ? [
            {
              op: 'Cast',
              domain: '',
              name: `${name}.wide`,
              inputs: [name],
              outputs: [`${name}.wide`],
              attributes: { to: { kind: 'int', value: 1 } as const },
            },
          ]
        : [],
    );
    const widened = new Map(casts.map(({ inputs: [from], outputs: [to] }) => [from, to]));
    const nodes = plain.graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => widened.get(name) ?? name),
    }));
    const path = file('half.onnx', { ...plain, graph: { ...plain.graph, initializers, nodes: [...casts, ...nodes] } });
    const { bytes, losses } = await run('half', configured({ network: { model: path } }));
    expect(losses.every(Number.isFinite)).toBe(true);
    const after = readModel(bytes).graph.initializers.get('first.weight');
    expect(after?.dtype).toBe('float16');
    expect(after?.data).not.toEqual(initializers.get('first.weight')?.data);
  });
});

describe('scores of a file', () => {
  /** Softmax of the student's logits on one picture of noise, by class. */
  async function probabilities(path: string, options = {}): Promise<{ shape: Shape; values: Float32Array }> {
    const student = await onnxStudent(path, options);
    const graph = createGraph('student');
    const image = input(graph, 'image', 'float32', [1, 3, 32, 48]);
    const { logits } = student.build(image, { kind: 'inference' });
    const bytes = writeModel(exportModel(graph, { y: softmax(logits, 1) }, { weights: student.weights }));
    const session = await createSession(bytes);
    const { y } = await session.run({ image: symmetricByName('x', [1, 3, 32, 48], 1) });
    await session.release();
    return { shape: y.shape, values: y.data as Float32Array };
  }
  const close = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i])));

  it('mean the same before a softmax and after it, with channels first and last', async () => {
    const { shape, values } = await probabilities(file('logits.onnx', model()));
    expect(shape).toEqual([1, 19, 32, 48]);
    const after = await probabilities(
      file(
        'softmax.onnx',
        model((scores) => softmax(scores, 1)),
      ),
    );
    expect(close(after.values, values)).toBeLessThan(1e-5);
    const resized = await probabilities(
      file(
        'resized.onnx',
        model((scores) => resize(softmax(scores, 1), [1, 19, 32, 48], 'nearest', 'asymmetric')),
      ),
    );
    expect(close(resized.values, values)).toBeLessThan(1e-5);
    const last = await probabilities(
      file(
        'last.onnx',
        model((scores) => transpose(scores, [0, 2, 3, 1]), 'nhwc'),
      ),
    );
    expect(last.shape).toEqual([1, 19, 32, 48]);
    expect(close(last.values, values)).toBeLessThan(1e-5);
  });

  it('of one channel are those of two classes, whether a sigmoid is in the graph or not', async () => {
    const one: Finish = (scores) => slice(scores, [1], [0], [1]);
    const plain = await probabilities(file('one.onnx', model(one)), { scores: 'logits' });
    expect(plain.shape).toEqual([1, 2, 32, 48]);
    const after = await probabilities(
      file(
        'sigmoid.onnx',
        model((scores) => sigmoid(one(scores))),
      ),
    );
    expect(close(after.values, plain.values)).toBeLessThan(1e-5);
  });
});

it('a network from outside the library trains', { timeout: 60_000 }, async () => {
  const written: string[] = [];
  const student: Student = {
    name: 'made up',
    classes: { count: 19 },
    preprocessing: { mean: [0, 0, 0], std: [255, 255, 255], channelOrder: 'rgb' },
    weights: new Map(Object.keys(weightShapes).map((name) => [name, initial(name)])),
    build(image) {
      const { graph } = image;
      const declare = (name: string, shape: Shape) => parameter(graph, name, shape, { kind: 'constant', value: 0 });
      return { logits: body(image, declare), auxiliaries: [], features: new Map() };
    },
    toModel(weights) {
      written.push(...weights.keys());
      return Uint8Array.of(1, 2, 3);
    },
  };
  const config = configured({
    losses: {},
    steps: 8,
    optimizer: { method: 'adam', rate: 0.02 },
    augmentation: unchanged,
  });
  const { bytes, losses } = await run('outside', config, { student });
  expect([...bytes]).toEqual([1, 2, 3]);
  expect(losses.at(-1)).toBeLessThan(losses[0]);
  expect(new Set(written)).toEqual(new Set(Object.keys(weightShapes)));
});

const others = [
  [
    'espnet_p2q8_cityscapes_free',
    { channelOrder: 'bgr', mean: [73.158, 82.909, 72.392], std: [11453.3, 11768.99, 11556.4] },
    19,
  ],
  ['sinet_portrait_320', { channelOrder: 'bgr', mean: [126.9, 111.2, 102.9], std: [16920.7, 16019.4, 16047.9] }, 2],
  ['twinlitenet_bdd100k_360x640', { output: 'll', mean: [0, 0, 0], std: [255, 255, 255] }, 2],
] as const;

/** CamVid frames with roads (3) told from the rest, as a list. */
async function roads(count: number): Promise<string> {
  const frames = readdirSync(sharedPath('data/camvid/val')).sort().slice(0, count);
  const lines = await Promise.all(
    frames.map(async (name) => {
      const label = await readLabelMap(sharedPath('data/camvid/valannot', name));
      const path = join(folder, name);
      await writeLabelMap(path, { ...label, data: label.data.map((id) => (id === 3 ? 1 : 0)) });
      return `${sharedPath('data/camvid/val', name)} ${path}`;
    }),
  );
  const list = join(folder, 'roads.txt');
  writeFileSync(list, lines.join('\n'));
  return list;
}

describeWithShared('networks of others', ['models/foreign', 'data/camvid'], () => {
  it.each(others)(
    '%s learns CamVid, and goes back as it came',
    { timeout: 300_000 },
    async (name, network, classes) => {
      const names = join(folder, `${classes}.yaml`);
      const list = Array.from({ length: classes }, (_, id) => `c${id}`);
      writeFileSync(names, JSON.stringify({ name: 'some', classes: list, palette: list.map((_, id) => [id, id, id]) }));
      const path = sharedPath(`models/foreign/${name}.onnx`);
      const [layout, root] = classes === 2 ? ['list', await roads(6)] : ['camvid', sharedPath('data/camvid')];
      const config = parseConfig(
        {
          network: { model: path, ...network },
          data: { layout, root, ...(classes === 2 ? {} : { split: 'val' }), classes: names, range: [0, 6] },
          ...{ crop: [64, 96], batch: 2, steps: 20, gap: 1, augmentation: unchanged, losses: { motion: 0.1 } },
          ...{ motion: { flow: 'farneback' }, optimizer: { method: 'adam', rate: 0.002 } },
        },
        'others.yaml',
      );
      const { bytes, losses } = await run(name, config);
      const mean = (list: number[]) => list.reduce((sum, value) => sum + value) / list.length;
      expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)));
      const [before, after] = [readModel(readFileSync(path)), readModel(bytes)];
      const rest = ({ graph, metadata: _, ...all }: Model) => ({
        ...all,
        graph: { ...graph, initializers: [...graph.initializers.keys()] },
      });
      expect(rest(after)).toEqual(rest(before));
      // It says of its pixels what the configuration said.
      const output = 'output' in network ? network.output : undefined;
      const told = await onnxStudent(path, network);
      const found = await onnxStudent(file(`${name}.onnx`, after), { output });
      expect(found.preprocessing).toEqual(told.preprocessing);
      const session = await createSession(bytes);
      await session.release();
    },
  );
});
