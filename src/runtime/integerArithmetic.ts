// Whether this processor adds products of 8-bit numbers exactly: without instructions for it, sums of two saturate at 16 bits.
import type { Model, ModelNode } from '../onnx/model.js';
import { writeModel } from '../onnx/write.js';
import { tensor } from '../tensor/tensor.js';
import { createSession } from './session.js';

/** Products that are summed. */
const terms = 32;

/** Asks the engine for sums of the largest products of uint8 and int8; those of weights of 7 bits are exact everywhere. */
export async function addsBytesExactly(): Promise<boolean> {
  const node: ModelNode = {
    op: 'MatMulInteger',
    domain: '',
    name: 'sums',
    inputs: ['bytes', 'weights'],
    outputs: ['sums'],
    attributes: {},
  };
  const model: Model = {
    irVersion: 8,
    opsets: new Map([['', 13]]),
    producer: 'steadyseg',
    metadata: new Map(),
    graph: {
      name: 'sums',
      nodes: [node],
      inputs: [{ name: 'bytes', type: { dtype: 'uint8', shape: [terms, terms] } }],
      outputs: [{ name: 'sums', type: { dtype: 'int32', shape: [terms, terms] } }],
      values: [],
      initializers: new Map([['weights', tensor('int8', [terms, terms], new Int8Array(terms ** 2).fill(127))]]),
    },
  };
  const session = await createSession(writeModel(model), { threads: 1, source: 'sums of bytes' });
  const bytes = tensor('uint8', [terms, terms], new Uint8Array(terms ** 2).fill(255));
  const { sums } = await session.run({ bytes }).finally(() => session.release());
  return Array.from(sums.data as Int32Array).every((sum) => sum === terms * 255 * 127);
}
