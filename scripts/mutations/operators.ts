// Mistakes in operators of other networks: their sizes and positions, what they become at import, and their gradients.
import { changes } from './mutation.js';

const nodes = 'test/autodiff/nodes.test.ts';
const rules = 'test/autodiff/rules.test.ts';
const resizing = 'test/onnx/resize.test.ts';

export const operators = [
  ...changes('tensor/interpolation', resizing, [
    ['return float(index / scale);', 'return index / scale;'],
    ['const middle = 1e-6;', 'const middle = 0;'],
    ['((x - 5) * x + 8) * x - 4', '((x - 5) * x + 8) * x + 4'],
  ]),
  ...changes('onnx/inference/sampling', resizing, [
    ['Math.floor(Math.fround(scale * inputs))', 'Math.floor(scale * inputs)'],
  ]),
  ...changes('onnx/lowering/activation', nodes, [['0.044715', '0.44715']]),
  ...changes('onnx/lowering/normalization', nodes, [['1 - momentum', 'momentum']]),
  ...changes('onnx/lowering/einsum', nodes, [['i * (size + 1)', 'i * size']]),
  ...changes('onnx/lowering/recurrent', nodes, [['mul(open(gate(2)), memory)', 'mul(open(gate(0)), memory)']]),
  ...changes('onnx/lowering/sampling', nodes, [["smaller, 'ceil'", "smaller, 'floor'"]]),
  ...changes('autodiff/rules/pooling', nodes, [['+ tap * dilations[axis]', '+ tap']]),
  ...changes('autodiff/rules/movement', nodes, [["1 - site.number('reverse', 0)", "site.number('reverse', 0)"]]),
  ...changes('autodiff/rules/gridSample', nodes, [['-2 * swing', '2 * swing']]),
  ...changes('autodiff/rules/arithmetic', nodes, [
    ['sub(site.output, site.input(0))', 'sub(site.input(0), site.output)'],
  ]),
  ...changes('autodiff/gradients', rules, [
    ["output.dtype.includes('float')", 'true'],
    ['!reached.has(from)', 'false'],
  ]),
];
