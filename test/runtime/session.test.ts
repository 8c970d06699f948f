import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '#src/base/errors.js';
import type { Model, ValueInfo } from '#src/onnx/model.js';
import { writeModel } from '#src/onnx/write.js';
import { createSession, supportedDevices } from '#src/runtime/session.js';
import { type DType, float32, tensor } from '#src/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-session-'));
afterAll(() => rmSync(folder, { recursive: true }));

function negation({ dtype = 'float32' as DType, op = 'Neg', opset = 17, irVersion = 8 } = {}): Uint8Array {
  const value = (name: string): ValueInfo => ({ name, type: { dtype, shape: ['n', 3] } });
  const model: Model = {
    irVersion,
    opsets: new Map([['', opset]]),
    producer: 'test',
    metadata: new Map(),
    graph: {
      name: 'negation',
      nodes: [{ op, domain: '', name: 'only', inputs: ['x'], outputs: ['y'], attributes: {} }],
      inputs: [value('x')],
      outputs: [value('y')],
      values: [],
      initializers: new Map(),
    },
  };
  return writeModel(model);
}

describe('a session', () => {
  it('describes its inputs and outputs, with the names of free dimensions', async () => {
    const session = await createSession(negation());
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['n', 3] }]);
    expect(session.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['n', 3] }]);
  });

  it('runs, again and with chosen outputs', async () => {
    const session = await createSession(negation(), { threads: 1, optimization: 'disabled' });
    for (const shift of [0, 1]) {
      const { y } = await session.run({ x: float32([1, 3], [1 + shift, 2, 3]) }, ['y']);
      expect(y).toEqual(float32([1, 3], [-1 - shift, -2, -3]));
    }
    await session.release();
    await expect(session.run({ x: float32([1, 3], [1, 2, 3]) })).rejects.toThrow('the run failed');
  });

  it('takes and gives float16 as bits', async () => {
    const session = await createSession(negation({ dtype: 'float16' }));
    const { y } = await session.run({ x: tensor('float16', [1, 3], Uint16Array.of(0x3c00, 0, 0x4000)) });
    expect(y).toEqual(tensor('float16', [1, 3], Uint16Array.of(0xbc00, 0x8000, 0xc000)));
  });

  it('names what is wrong with a feed', async () => {
    const session = await createSession(negation(), { source: 'neg.onnx' });
    const message = 'neg.onnx: expected float32 n×3 for the input "x", found ';
    await expect(session.run({})).rejects.toThrow('neg.onnx: expected a feed for the input "x" (float32 n×3)');
    await expect(session.run({ x: float32([1, 2], [1, 2]) })).rejects.toThrow(`${message}float32 1×2`);
    await expect(session.run({ x: float32([3], [1, 2, 3]) })).rejects.toThrow(`${message}float32 3`);
    const integers = tensor('int32', [1, 3], Int32Array.of(1, 2, 3));
    await expect(session.run({ x: integers })).rejects.toThrow(`${message}int32 1×3`);
    await expect(session.run({ x: float32([1, 3], [1, 2, 3]) }, ['z'])).rejects.toThrow('no output "z", but y');
  });
});

describe('a model that cannot be used', () => {
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const cases: [string, () => string | Uint8Array, RegExp][] = [
    ['a missing file', () => join(folder, 'none.onnx'), /none\.onnx: no such file/],
    ['a directory', () => folder, /expected an ONNX model, found a directory/],
    ['an empty file', () => file('empty.onnx', ''), /empty\.onnx: expected an ONNX model/],
    ['a file of another kind', () => file('text.onnx', 'not a model at all'), /text\.onnx: expected an ONNX model/],
    ['no bytes', () => new Uint8Array(), /expected an ONNX model, found no bytes/],
    ['half a file', () => negation().slice(0, 40), /expected an ONNX model, found something else or a damaged one/],
    ['a new operator set', () => negation({ opset: 9999 }), /operator set up to \d+, found 9999/],
    ['a new file version', () => negation({ irVersion: 99 }), /IR version up to \d+, found 99/],
    ['an unknown operator', () => negation({ op: 'Frobnicate' }), /the operator Frobnicate, which is not supported/],
  ];
  it.each(cases)('says so in one line: %s', async (_, make, message) => {
    const failure = await createSession(make()).catch((thrown: Error) => thrown);
    expect(failure).toMatchObject({ name: 'SteadysegError', message: expect.stringMatching(message) });
    expect((failure as Error).message).not.toContain('\n');
  });

  it('lists the devices of this build for one it does not know', async () => {
    expect(supportedDevices()).toContain('cpu');
    const failure = createSession(negation(), { device: 'abacus' });
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(`(${supportedDevices().join(', ')}), found "abacus"`);
  });
});
