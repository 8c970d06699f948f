// Damaged files of every format a stranger can hand over: a reader gives a SteadysegError or a sound value, in bounded memory.
// STEADYSEG_FUZZ_MUTATIONS sets the number for each format, STEADYSEG_FUZZ_SEED the seed; a failure names the mutation's own seed.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { formatFlo, parseFlo } from '#src/media/flo.js';
import { exportModel } from '#src/onnx/export.js';
import { createGraph, input, parameter } from '#src/onnx/graph.js';
import { importModel } from '#src/onnx/import.js';
import { type Attributes, int, type Model, type ModelNode, string } from '#src/onnx/model.js';
import { add, batchNormalization, concat, conv, maxPool, relu, reshape, resize, softmax } from '#src/onnx/ops.js';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { createRandom, deriveSeed, symmetricByName } from '#src/tensor/random.js';
import { float32, type Tensor, tensor } from '#src/tensor/tensor.js';
import { memorySource } from '#src/weights/byteSource.js';
import { weightsFrom } from '#src/weights/openWeights.js';
import { FREE_COPY_BYTES, MAX_COPY_RATIO } from '#src/weights/pth.js';
import { openZip } from '#src/weights/zip.js';
import { mutated } from '../mutate.js';
import { checkpointOf, doublingDevices, fixture, nestedDevice } from './fixtures.js';

const mutations = Number(process.env.STEADYSEG_FUZZ_MUTATIONS ?? 2000);
const seed = Number(process.env.STEADYSEG_FUZZ_SEED ?? 1);
/** How far the process may grow over a campaign: every reader's limits for files of some kilobytes, and the engine's own slack. */
const MAX_GROWTH_BYTES = 768 * 2 ** 20;

const files = (...names: string[]) => names.map((name) => new Uint8Array(readFileSync(fixture(name))));

/** The archive without check sums in its directory, so that damage gets past them. */
function withoutCheckSums(bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(bytes);
  for (let at = out.indexOf('PK\x01\x02'); at >= 0; at = out.indexOf('PK\x01\x02', at + 1))
    out.writeUInt32LE(0, at + 16);
  return new Uint8Array(out);
}

async function readWeights(bytes: Uint8Array): Promise<void> {
  const file = await weightsFrom(memorySource(bytes, 'mutated'));
  const buffers = new Set<ArrayBufferLike>();
  for (const [name, { dtype, shape }] of file.tensors) {
    const read = await file.read(name);
    expect([read.dtype, read.shape]).toEqual([dtype, shape]);
    buffers.add(read.data.buffer);
  }
  let total = 0;
  for (const buffer of buffers) total += buffer.byteLength;
  // What the file holds (more only where entries inflate), and copies of strided tensors.
  expect(total).toBeLessThanOrEqual((MAX_COPY_RATIO + 1) * bytes.length + FREE_COPY_BYTES + 2 ** 20);
}

function smallModels(): Uint8Array[] {
  const graph = createGraph('small');
  const weights = new Map<string, Tensor>();
  const weight = (name: string, ...shape: number[]) => {
    weights.set(name, symmetricByName(name, shape, 1));
    return parameter(graph, name, shape, { kind: 'constant', value: 0 });
  };
  const image = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  const first = conv(image, weight('w', 4, 3, 3, 3), weight('b', 4), { pads: [1, 1, 1, 1], strides: [2, 2] });
  const normal = batchNormalization(first, weight('s', 4), weight('o', 4), weight('m', 4), weight('v', 4));
  const pooled = maxPool(relu(normal), { kernel: [2, 2], strides: [2, 2] });
  const joined = concat([add(first, resize(pooled, [1, 4, 4, 4], 'linear', 'align_corners')), first], 1);
  const output = reshape(softmax(joined, 1), [1, 8, 16]);
  const network = exportModel(graph, { logits: output }, { weights, metadata: new Map([['a', 'b']]) });
  return [writeModel(network), writeModel(shapeArithmetic())];
}

/** What exporters write to compute sizes, which importing computes. */
function shapeArithmetic(): Model {
  const node = (op: string, inputs: string[], output: string, attributes: Attributes = {}): ModelNode => {
    return { op, domain: '', name: '', inputs, outputs: [output], attributes };
  };
  const longs = (...values: number[]) => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
  const image = { name: 'image', type: { dtype: 'float32', shape: [1, 3, 8, 8] } } as const;
  const nodes = [
    node('Shape', ['image'], 'shape'),
    node('Slice', ['shape', 'two', 'four', 'zero'], 'size'),
    node('Mul', ['size', 'two'], 'double'),
    node('Slice', ['shape', 'zero', 'two', 'zero'], 'start'),
    node('Concat', ['start', 'double'], 'target', { axis: int(0) }),
    node('Resize', ['image', '', '', 'target'], 'large', { mode: string('linear') }),
    node('ConstantOfShape', ['target'], 'filled', { value: { kind: 'tensor', value: float32([1], [1]) } }),
    node('Expand', ['image', 'shape'], 'expanded'),
    node('Range', ['0', '4', '3'], 'range'),
    node('Gather', ['shape', 'range'], 'picked', { axis: int(0) }),
    node('Tile', ['expanded', 'ones'], 'tiled'),
    node('Pad', ['tiled', 'pads'], 'padded'),
    node('Reshape', ['padded', 'flat'], 'result'),
  ];
  const initializers = new Map<string, Tensor>([
    ['zero', longs(0)],
    ['two', longs(2)],
    ['four', longs(4)],
    ['ones', longs(1, 1, 1, 1)],
    ['pads', longs(0, 0, 1, 1, 0, 0, 1, 1)],
    ['flat', longs(1, -1)],
    ...[0, 4, 3].map((value): [string, Tensor] => [`${value}`, tensor('int64', [], BigInt64Array.of(BigInt(value)))]),
  ]);
  const outputs = ['result', 'large', 'filled'].map((name) => ({ name, type: undefined }));
  const graph = { name: 'shapes', nodes, inputs: [image], outputs, values: [], initializers };
  return { irVersion: 8, opsets: new Map([['', 18]]), producer: '', metadata: new Map(), graph };
}

/** The pickle and the storages of a checkpoint, so that damage to the pickle alone gets past the archive's checks. */
const trainingArchive = await (async () => {
  const archive = await openZip(memorySource(files('training.pth')[0], 'training.pth'));
  const storages: Record<string, Uint8Array> = {};
  let pickle = new Uint8Array(0);
  for (const entry of archive.entries.values()) {
    const content = await archive.read(entry);
    const key = /\/data\/(\d+)$/.exec(entry.name)?.[1];
    if (key) storages[key] = content;
    else if (entry.name.endsWith('data.pkl')) pickle = content.slice();
  }
  return { pickle, storages };
})();

const pth = { accept: readWeights };
const formats: Record<string, { corpus: Uint8Array[]; accept: (bytes: Uint8Array) => Promise<void> | void }> = {
  safetensors: { corpus: files('expected.safetensors', 'expected_odd_tensors.safetensors'), accept: readWeights },
  'zip checkpoints': {
    ...pth,
    corpus: files(
      'state_dict_zip.pth',
      'odd_tensors.pth',
      'checkpoint_wrapped.pth.tar',
      'training.pth',
      'hostile.pth',
    ).flatMap((bytes) => [bytes, withoutCheckSums(bytes), withoutCheckSums(bytes)]),
  },
  'pickles in sound archives': {
    corpus: [trainingArchive.pickle, ...[doublingDevices, nestedDevice].map((pickle) => Buffer.from(pickle, 'latin1'))],
    accept: (bytes) => readWeights(checkpointOf(bytes, trainingArchive.storages)),
  },
  'legacy checkpoints': { ...pth, corpus: files('state_dict_legacy.pth', 'training_legacy.pth') },
  'ONNX models': {
    corpus: smallModels(),
    accept: (bytes) => {
      const model = readModel(bytes);
      writeModel(model);
      importModel(model, { inputShapes: { image: [1, 3, 8, 8] } });
    },
  },
  '.flo': {
    corpus: [formatFlo({ width: 3, height: 2, data: new Float32Array(12).fill(1.5) })],
    accept: (bytes) => {
      parseFlo(bytes, 'mutated');
    },
  },
};

describe('damaged files', () => {
  it.each(Object.entries(formats))(
    '%s: refused with a reason or read soundly',
    { timeout: 0 },
    async (name, { corpus, accept }) => {
      for (const bytes of corpus) await Promise.resolve(accept(bytes)).catch(unlessRefused);
      const before = process.resourceUsage().maxRSS * 1024;
      let refused = 0;
      let slowest = 0;
      for (let index = 0; index < mutations; index++) {
        const own = deriveSeed(seed, name, index);
        const bytes = mutated(corpus, createRandom(own));
        const start = performance.now();
        try {
          await accept(bytes);
        } catch (thrown) {
          if (!(thrown instanceof SteadysegError))
            throw new Error(`${name}, mutation ${index} of seed ${seed}`, { cause: thrown });
          refused++;
        }
        const took = performance.now() - start;
        if (took > slowest) slowest = took;
      }
      const growth = process.resourceUsage().maxRSS * 1024 - before;
      if (process.env.STEADYSEG_FUZZ_MUTATIONS) {
        console.log(
          `${name}: ${mutations} mutations, ${refused} refused, slowest ${slowest.toFixed(0)} ms, grew by ${(growth / 2 ** 20).toFixed(0)} MiB`,
        );
      }
      // Both kinds occur: otherwise the mutations are too wild or too tame to test anything.
      expect(refused).toBeGreaterThan(mutations / 20);
      expect(refused).toBeLessThan(mutations);
      expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
    },
  );

  it('gives the same mutations for the same seed', () => {
    const corpus = [float32([2], [1, 2])].map(({ data }) => new Uint8Array(data.buffer));
    expect(mutated(corpus, createRandom(5))).toEqual(mutated(corpus, createRandom(5)));
  });
});

function unlessRefused(thrown: unknown): void {
  if (!(thrown instanceof SteadysegError)) throw thrown;
}
