// A network of one convolution, for tests of what is around networks.
import { parameter, type Value } from '#src/onnx/graph.js';
import { averagePool, conv } from '#src/onnx/ops.js';
import { defaultPreprocessing } from '#src/segment/preprocessing.js';
import { symmetricByName } from '#src/tensor/random.js';
import type { Student } from '#src/train/student.js';

/** Scores are a mix of colours, averaged over squares of eight pixels. */
export function tinyStudent(classes: number): Student {
  const shape = [classes, 3, 1, 1];
  return {
    name: 'tiny',
    classes: { count: classes, names: undefined },
    preprocessing: defaultPreprocessing,
    weights: new Map([['head.weight', symmetricByName('head.weight', shape, 1)]]),
    build(image: Value) {
      const weight = parameter(image.graph, 'head.weight', shape, { kind: 'constant', value: 0 });
      const logits = conv(averagePool(image, { kernel: [8, 8], strides: [8, 8] }), weight);
      return { logits, auxiliaries: [], features: new Map() };
    },
    toModel() {
      throw new Error('a tiny student is not written');
    },
  };
}
