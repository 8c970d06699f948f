import { expect, it } from 'vitest';
import { adaptable } from '#src/adapt/adaptable.js';
import { zeros } from '#src/tensor/tensor.js';
import type { Student } from '#src/train/student.js';

const shapes = {
  convolution: [4, 3, 3, 3],
  pointwise: [4, 3, 1, 1],
  depthwise: [4, 1, 3, 3],
  matrix: [5, 4],
  frozen: [4, 3, 3, 3],
  bias: [4],
  slope: [4, 1, 1],
  scale: [1],
};

function student(names: readonly (keyof typeof shapes)[]): Student {
  return {
    name: 'network.onnx',
    classes: { count: 2, names: undefined },
    preprocessing: { mean: [0, 0, 0], std: [1, 1, 1], channelOrder: 'rgb' },
    weights: new Map(names.map((name) => [name, zeros('float32', shapes[name])])),
    trains: (name) => name !== 'frozen',
    build() {
      throw new Error('it is not built');
    },
    toModel() {
      throw new Error('it is not written');
    },
  };
}

it('adapts all that is not frozen; for general use kernels and matrices alone', () => {
  const names = Object.keys(shapes) as (keyof typeof shapes)[];
  const all = adaptable(student(names), { general: false });
  expect(names.filter((name) => !all.trains?.(name))).toEqual(['frozen']);
  const adapted = adaptable(student(names), { general: true });
  expect(names.filter((name) => adapted.trains?.(name))).toEqual(['convolution', 'pointwise', 'depthwise', 'matrix']);
  expect([...adapted.weights.keys()]).toEqual(names);
});

it('refuses a network of which nothing is left', () => {
  expect(() => adaptable(student(['frozen', 'bias', 'slope']), { general: true })).toThrow(
    'network.onnx: expected float weights to adapt, found none',
  );
});
