import { expect, it } from 'vitest';
import { exportModel } from '#src/onnx/export.js';
import { constant, createGraph, input, parameter, type Value } from '#src/onnx/graph.js';
import { readModelFile } from '#src/onnx/modelFile.js';
import { add, batchNormalization, conv, div, matMul, mul, pRelu, reshape, sub } from '#src/onnx/ops.js';
import { tensorRoles } from '#src/onnx/trainable.js';
import { float16ToFloat32, float32ToFloat16 } from '#src/tensor/half.js';
import { interpolationMatrix } from '#src/tensor/interpolation.js';
import { symmetricByName } from '#src/tensor/random.js';
import { float32, type Shape, tensor } from '#src/tensor/tensor.js';
import { describeWithShared, sharedPath } from '../shared.js';

/** A small network with everything that is a weight and everything that only looks like one. */
function model() {
  const graph = createGraph('roles');
  const named = (name: string, shape: Shape) => constant(graph, symmetricByName(name, shape, 1), name);
  const put = (name: string, shape: Shape, values: ArrayLike<number>) => constant(graph, float32(shape, values), name);
  const image = input(graph, 'image', 'float32', [1, 3, 8, 8]);
  let x: Value = div(sub(image, put('mean', [1, 3, 1, 1], [1, 2, 3])), put('std', [1, 3, 1, 1], [4, 5, 6]));
  x = conv(x, named('first.weight', [4, 3, 3, 3]), named('first.bias', [4]), { pads: [1, 1, 1, 1] });
  x = batchNormalization(
    x,
    named('bn.weight', [4]),
    named('bn.bias', [4]),
    named('bn.mean', [4]),
    put('bn.var', [4], [1, 2, 3, 4]),
  );
  x = pRelu(x, named('slope', [4, 1, 1]));
  x = conv(
    x,
    put(
      'blur',
      [4, 1, 1, 3],
      [...Array(4)].flatMap(() => [0.25, 0.5, 0.25]),
    ),
    undefined,
    { group: 4, pads: [0, 1, 0, 1] },
  );
  x = matMul(x, put('enlarge', [8, 16], transposed(interpolationMatrix(8, 16, 'half_pixel'), 16, 8)));
  x = reshape(x, [1, 64, 8]);
  x = add(matMul(x, named('token.weight', [8, 8])), named('token.bias', [8]));
  x = mul(x, named('gamma', [1]));
  x = mul(x, put('onnx::Mul_7', [1], [0.125]));
  x = add(x, named('position', [1, 64, 8]));
  x = add(
    x,
    put(
      'mask',
      [64, 8],
      [...Array(512)].map((_, i) => (i % 3 === 0 ? -1e9 : 0)),
    ),
  );
  x = add(
    x,
    put(
      'grid',
      [64, 8],
      [...Array(512)].map((_, i) => i % 8),
    ),
  );
  const unused = parameter(graph, 'unused', [3], { kind: 'constant', value: 0 });
  return exportModel(graph, { y: x, unused }, { weights: new Map([['unused', float32([3], [1, 2, 3])]]) });
}

const transposed = (matrix: Float32Array, rows: number, columns: number) =>
  Float32Array.from({ length: matrix.length }, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);

const weights = [
  'first.weight',
  'first.bias',
  'bn.weight',
  'bn.bias',
  'slope',
  'token.weight',
  'token.bias',
  'gamma',
  'position',
];

it('weights are what feeds layers and what is added on the way, not what prepares, resamples, masks or only counts', () => {
  const roles = tensorRoles(model());
  const of = (role: string) => [...roles].flatMap(([name, found]) => (found.role === role ? [name] : [])).sort();
  expect(of('weight')).toEqual([...weights].sort());
  expect(of('statistic')).toEqual(['bn.mean', 'bn.var']);
  expect(of('constant')).toEqual(['blur', 'enlarge', 'grid', 'mask', 'mean', 'onnx::Mul_7', 'std', 'unused'].sort());
  expect(roles.get('enlarge')?.reason).toBe('resamples: its coefficients sum to 1');
});

it('float16 tensors and those of Constant nodes have the same roles', () => {
  const plain = model();
  const initializers = new Map(plain.graph.initializers);
  const half = (name: string) => {
    const { shape, data } = initializers.get(name) ?? float32([0], []);
    return tensor('float16', shape, float32ToFloat16(data as Float32Array));
  };
  initializers.set('first.weight', half('first.weight'));
  expect(float16ToFloat32(half('gamma').data)).toHaveLength(1);
  const content = initializers.get('token.weight');
  if (!content) throw new Error('the weight is missing');
  initializers.delete('token.weight');
  const node = {
    op: 'Constant',
    domain: '',
    name: '',
    inputs: [],
    outputs: ['token.weight'],
    attributes: { value: { kind: 'tensor', value: content } as const },
  };
  const roles = tensorRoles({ ...plain, graph: { ...plain.graph, initializers, nodes: [node, ...plain.graph.nodes] } });
  for (const name of weights) expect([name, roles.get(name)?.role]).toEqual([name, 'weight']);
});

describeWithShared('networks of others', ['models/espnetv2_s2_cityscapes_512x1024.onnx', 'models/foreign'], () => {
  it('adaptive pools of ESPNetv2 are no weights; the scales of TwinLiteNet’s attention are', async () => {
    const pooled = tensorRoles(await readModelFile(sharedPath('models/espnetv2_s2_cityscapes_512x1024.onnx')));
    const matrices = [...pooled].filter(([name]) => name.startsWith('onnx::MatMul'));
    expect(matrices).toHaveLength(32);
    expect(matrices.every(([, { role }]) => role === 'constant')).toBe(true);
    const attention = tensorRoles(await readModelFile(sharedPath('models/foreign/twinlitenet_bdd100k_360x640.onnx')));
    expect(attention.get('encoder.sa.gamma')?.role).toBe('weight');
  });
});
