// A dataset, a network, losses and operators of a program that has only the package's entries.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type TrainOptions, train } from 'steadyseg';
import {
  type Attribute,
  addNode,
  constant,
  createGraph,
  exportModel,
  float32,
  gradients,
  input,
  keepOperator,
  type OwnOperator,
  ops,
  parameter,
  readModelFile,
  type Shape,
  type Tensor,
  type Value,
  writeModel,
} from 'steadyseg/onnx';
import {
  type Dataset,
  type OwnLoss,
  onnxStudent,
  parseConfig,
  readMetrics,
  runFiles,
  type Student,
} from 'steadyseg/train';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-outside-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Pictures of a left half of one colour and a right half of another, which moves by two pixels a frame. */
writeFileSync(
  join(folder, 'halves.mjs'),
  `const [width, height] = [24, 16];
const edge = (key) => 8 + 2 * Number(key);
const each = (channels, value) => {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) data[i] = value(Math.floor(i / channels) % width, i % channels);
  return { width, height, data };
};
export const image = (key) => each(3, (x, channel) => (x < edge(key) ? 40 : 200) + channel);
export const labels = async (key) => each(1, (x) => (x < edge(key) ? 0 : 1));
export const flow = () => ({ width, height, data: new Float32Array(2 * width * height) });
`,
);
const url = pathToFileURL(join(folder, 'halves.mjs')).href;

function halves(frames: number, module = url): Dataset {
  const reference = (key: number) => ({ kind: 'module', url: module, key: String(key) }) as const;
  const within = (key: number) => key >= 0 && key < frames;
  return {
    name: 'halves',
    classes: {
      name: 'halves',
      classes: ['left', 'right'],
      palette: [
        [0, 0, 0],
        [255, 255, 255],
      ],
      ignoreLabel: 255,
    },
    count: frames,
    sample: (t) => ({
      name: `half ${t}`,
      frame: reference(t),
      label: reference(t),
      neighbour: (offset) => (within(t + offset) ? reference(t + offset) : undefined),
      flow: (offset) => (within(t + offset) ? reference(t) : undefined),
    }),
  };
}

/** One convolution. */
function pixelwise(): Student {
  const shape: Shape = [2, 3, 1, 1];
  const weights: ReadonlyMap<string, Tensor> = new Map([['weight', float32(shape, [0.1, 0, 0, 0, 0.1, 0])]]);
  const apply = (image: Value, weight: Value) => ops.conv(image, weight);
  return {
    name: 'pixelwise',
    classes: { count: 2, names: ['left', 'right'] },
    preprocessing: { mean: [128, 128, 128], std: [64, 64, 64], channelOrder: 'rgb' },
    weights,
    build: (image) => ({
      logits: apply(image, parameter(image.graph, 'weight', shape, { kind: 'constant', value: 0 })),
      auxiliaries: [],
      features: new Map(),
    }),
    toModel(trained, { size: [height, width] }) {
      const graph = createGraph('pixelwise');
      const image = input(graph, 'image', 'float32', [1, 3, height, width]);
      const weight = trained.get('weight') ?? float32(shape, Array(6).fill(0));
      return writeModel(exportModel(graph, { logits: apply(image, constant(graph, weight, 'weight')) }));
    },
    loadOptions: { mean: [128, 128, 128], std: [64, 64, 64] },
  };
}

const configuration = (changes: object = {}) =>
  parseConfig(
    {
      network: {},
      data: { layout: 'own', root: 'halves' },
      validation: { every: 100 },
      crop: [16, 24],
      batch: 2,
      steps: 12,
      workers: 2,
      losses: { auxiliary: 0 },
      augmentation: { scale: [1, 1], rotationProbability: 0, blurProbability: 0, flipProbability: 0 },
      optimizer: { method: 'adam', rate: 0.05 },
      ...changes,
    },
    'a program',
  );

/** Reverses the first channels, as many as `lengths` says for each frame of a batch; the way back is the same. */
const reversed: OwnOperator = {
  build: (site) =>
    keepOperator(site, {
      outputs: ({ inputs: [x] }) => {
        if (x?.shape.length !== 4) throw new Error(`expected planes, found ${x?.shape.length} axes`);
        return [{ dtype: x.dtype, shape: x.shape }];
      },
      gradient: ({ node, gradient, input }) => [
        addNode(gradient.graph, node.op, [gradient, input(1)], node.attributes, 1, { rules: node.rules })[0],
      ],
    }),
};

/** x · scale + offset, of somebody's own domain: no engine knows it. */
const affine: OwnOperator = {
  weights: [1, 2],
  build: ({ inputs: [x, scale, offset] }) => {
    if (!x || !scale || !offset) throw new Error('expected three inputs');
    return [ops.add(ops.mul(x, scale), offset)];
  },
};

/** A file of a convolution and one operator more, as its exporter wrote it. */
function fileWith(name: string, op: string, domain: string, operands: Record<string, Tensor>): string {
  const graph = createGraph(name);
  const image = input(graph, 'pixels', 'float32', [1, 3, 16, 24]);
  const weight = constant(graph, float32([2, 3, 1, 1], [0.1, 0, 0, 0, 0.1, 0]), 'conv.weight');
  const more = Object.entries(operands).map(([operand, content]) => constant(graph, content, operand));
  const outputs = () => [{ dtype: 'float32' as const, shape: [1, 3, 16, 24] }];
  const attributes = op === 'ReverseSequence' ? { batch_axis: int(0), time_axis: int(1) } : {};
  const [changed] = addNode(graph, op, [image, ...more], attributes, 1, { domain, rules: { outputs } });
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, writeModel(exportModel(graph, { logits: ops.conv(changed, weight) })));
  return path;
}

const int = (value: number): Attribute => ({ kind: 'int', value });

let runs = 0;

async function run(options: Partial<TrainOptions>) {
  const out = join(folder, `run ${runs++}`);
  const datasets = { data: halves(6), validation: halves(2) };
  const result = await train({ config: configuration(), student: pixelwise(), datasets, out, ...options });
  const records = await readMetrics(runFiles(out).metrics);
  return { result, losses: records.flatMap((record) => ('losses' in record ? [record.losses] : [])) };
}

describe('a program with a dataset, a network and losses of its own', { timeout: 300_000 }, () => {
  it('trains and validates on frames that its module makes in the worker threads', async () => {
    const { result, losses } = await run({});
    expect(losses.at(-1)?.segmentation).toBeLessThan(0.7 * losses[0].segmentation);
    expect(result.validation?.validation.mIoU).toBe(1);
  });

  it('adds losses to those of the configuration, of the frames and the flow they ask for', async () => {
    const small: OwnLoss = {
      name: 'small scores',
      weight: 10,
      build: (site) => ops.reduceMean(ops.abs(site.logits('frame')), undefined, false),
    };
    const still: OwnLoss = {
      name: 'still scores',
      weight: 0,
      frames: 2,
      needsFlow: true,
      build(site) {
        const change = ops.sub(site.logits('frame'), site.logits('neighbour'));
        const length = ops.reduceMean(ops.abs(site.flow().flow), undefined, false);
        return ops.add(ops.reduceMean(ops.abs(change), undefined, false), length);
      },
    };
    const [{ losses: alone }, { losses: both }] = [await run({}), await run({ losses: [small, still] })];
    expect(Object.keys(both[0])).toEqual(['loss', 'segmentation', 'small scores', 'still scores']);
    const [first, last] = [both[0], both.at(-1) ?? both[0]];
    expect(first.loss).toBeCloseTo(first.segmentation + 10 * first['small scores'], 4);
    expect(last['small scores']).toBeLessThan(first['small scores']);
    expect(last.segmentation).toBeGreaterThan(alone.at(-1)?.segmentation ?? 0);
    expect(first['still scores']).toBeGreaterThan(0);
  });

  it('trains a file through operators that the library does not know', async () => {
    const how = { mean: [128, 128, 128], std: [64, 64, 64] } as const;
    const lengths: Tensor = { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n) };
    const kept = fileWith('kept', 'ReverseSequence', '', { lengths });
    await expect(run({ student: await onnxStudent(kept, how) })).rejects.toThrow(
      'the operator ReverseSequence has no shape rule',
    );
    const student = await onnxStudent(kept, { ...how, operators: { ReverseSequence: reversed } });
    // `lengths` is of one frame: it stays, and so does the batch.
    const config = configuration({ batch: 1, accumulate: 2, steps: 40 });
    const { result, losses } = await run({ student, config });
    expect(losses.at(-1)?.segmentation).toBeLessThan(0.7 * losses[0].segmentation);
    // The written file holds the operator as it came, and the engine runs it.
    expect(result.validation?.validation.mIoU).toBe(1);
    const file = await readModelFile(result.model);
    expect(file.graph.nodes.map(({ op }) => op)).toEqual(['ReverseSequence', 'Conv', 'Identity']);
  });

  it('builds an operator of its own of those that the library knows, and trains its weights', async () => {
    const operands = { scale: float32([3, 1, 1], [1, 1, 1]), offset: float32([3, 1, 1], [0, 0, 0]) };
    const path = fileWith('built', 'Affine', 'made.up', operands);
    const student = await onnxStudent(path, { operators: { 'made.up.Affine': affine }, std: [64, 64, 64] });
    expect([...student.weights.keys()].sort()).toEqual(['conv.weight', 'offset', 'scale']);
    const { result, losses } = await run({
      student,
      config: configuration({ validation: undefined }),
      datasets: { data: halves(6) },
    });
    expect(losses.at(-1)?.segmentation).toBeLessThan(losses[0].segmentation);
    const { initializers } = (await readModelFile(result.model)).graph;
    expect([...(initializers.get('offset')?.data ?? [])].every((value) => value !== 0)).toBe(true);
  });

  it('checks the gradient of an operator of its own, and is told where there is none', () => {
    const graph = createGraph('operators');
    const x = parameter(graph, 'x', [1, 3, 1, 1], { kind: 'constant', value: 0 });
    const lengths = constant(graph, { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n) });
    const site = {
      graph,
      op: 'ReverseSequence',
      domain: '',
      opset: 18,
      inputs: [x, lengths],
      attributes: { batch_axis: int(0), time_axis: int(1) },
      outputCount: 1,
    };
    const [y] = reversed.build(site) ?? [];
    const loss = (value: Value | undefined) => {
      if (!value) throw new Error('expected an output');
      return ops.reduceSum(ops.mul(value, constant(graph, float32([1, 3, 1, 1], [1, 2, 3]))), undefined, false);
    };
    expect(gradients(graph, loss(y), [x])[0].producer?.op).toBe('ReverseSequence');
    const [silent] = keepOperator(site, { outputs: () => [{ dtype: 'float32', shape: [1, 3, 1, 1] }] });
    expect(() => gradients(graph, loss(silent), [x])).toThrow(
      /the operator ReverseSequence of node .* has no gradient rule/,
    );
    expect(() => reversed.build({ ...site, inputs: [lengths] })).toThrow('expected planes, found 1 axes');
  });

  it('is told what does not go together', async () => {
    await expect(run({ datasets: {} })).rejects.toThrow('data.layout: expected one that lies in files, found "own"');
    const files = configuration({ data: { layout: 'camvid', root: folder }, validation: undefined });
    await expect(run({ config: files })).rejects.toThrow('data.layout: expected "own", for the dataset halves');
    const loss = (changes: Partial<OwnLoss>): OwnLoss => ({
      name: 'mine',
      weight: 1,
      build: (site) => ops.reduceMean(site.logits('frame'), undefined, false),
      ...changes,
    });
    const refused = (changes: Partial<OwnLoss>) => expect(run({ losses: [loss(changes)] })).rejects;
    await refused({ name: 'motion' }).toThrow('expected a name of its own for a loss, found "motion" again');
    await refused({ build: (site) => site.logits('frame') }).toThrow(
      'the loss mine: expected one number, found 2×2×16×24',
    );
    await refused({ needsFlow: true, frames: 2 }).toThrow(
      'expected needsFlow of one that uses the flow, and of no other',
    );
    const broken = join(folder, 'broken.mjs');
    writeFileSync(
      broken,
      'export const image = () => ({ width: 24, height: 16, data: new Uint8Array(3) });\nexport const labels = () => ({ width: 24, height: 16, data: new Uint8Array(384) });\n',
    );
    const datasets = { data: halves(6, pathToFileURL(broken).href), validation: halves(2) };
    await expect(run({ datasets })).rejects.toThrow(/broken\.mjs: the image of "\d": expected a picture of 24×16/);
  });
});
