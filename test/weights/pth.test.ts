import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '#src/tensor/tensor.js';
import { memorySource } from '#src/weights/byteSource.js';
import { readStateDict, weightsFrom } from '#src/weights/openWeights.js';
import { MAX_CONTAINERS, MAX_STACK } from '#src/weights/pickle.js';
import { checkpointFrom, openCheckpoint } from '#src/weights/pth.js';
import { readSafetensors } from '#src/weights/safetensors.js';
import { toFloat32 } from '#src/weights/stateDict.js';
import { isTensorReference } from '#src/weights/torchGlobals.js';
import { checkpointOf, doublingDevices, fixture, nestedDevice, opDict, opTensor, zipOf } from './fixtures.js';

function values(tensor: Tensor | undefined): (number | bigint)[] {
  return [...(tensor ? toFloat32(tensor).data : [])];
}

function open(bytes: Uint8Array) {
  return checkpointFrom(memorySource(bytes, 'made.pth'));
}

describe('checkpoints of PyTorch', () => {
  it.each([
    ['state_dict_zip.pth', 'expected'],
    ['state_dict_legacy.pth', 'expected'],
    ['checkpoint_wrapped.pth.tar', 'expected'],
    ['odd_tensors.pth', 'expected_odd_tensors'],
  ])('%s holds exactly %s.safetensors', async (name, expectedName) => {
    const expected = (await readSafetensors(fixture(`${expectedName}.safetensors`))).tensors;
    const { tensors } = await readStateDict(fixture(name));
    expect([...tensors.keys()]).toEqual([...expected.keys()]);
    for (const [key, want] of expected) {
      expect(values(tensors.get(key)), key).toEqual(values(want));
      // The safetensors files store scalars with shape [1].
      const shape = tensors.get(key)?.shape ?? [];
      expect(shape.length === 0 ? [1] : shape, key).toEqual(want.shape);
    }
  });

  it('does not read the parts beside the network', async () => {
    const { dropped } = await readStateDict(fixture('checkpoint_wrapped.pth.tar'));
    expect(dropped).toEqual(['module.flownet.conv1.0.weight', 'module.criterion.ce.criterion.weight']);
  });

  it.each(['training.pth', 'training_legacy.pth'])(
    '%s: what training scripts leave beside the weights is read as data',
    async (name) => {
      const checkpoint = await openCheckpoint(fixture(name));
      const root = checkpoint.value;
      if (!(root instanceof Map)) throw new Error('expected a dict');
      expect(root.get('epoch')).toBe(3);
      expect([root.get('best'), root.get('best32')]).toEqual([0.625, 0.5]);
      expect([root.get('big'), root.get('neg'), root.get('none')]).toEqual([2n ** 70n, -5, null]);
      expect(root.get('t')).toEqual([1, 2.5, true, Uint8Array.of(97, 98)]);
      expect([root.get('size'), root.get('device')]).toEqual([[1, 2], 'cuda:0']);
      const read = async (key: string) => {
        const reference = root.get(key);
        return isTensorReference(reference) ? checkpoint.read(reference) : undefined;
      };
      expect(await read('expanded')).toMatchObject({ shape: [3, 4], data: new Float32Array(12).fill(1) });
      expect(await read('empty')).toMatchObject({ shape: [0, 3], data: new Float32Array(0) });
      await checkpoint.close();
      const { tensors } = await readStateDict(fixture(name));
      expect([...tensors.keys()].slice(0, 3)).toEqual(['conv.weight', 'conv.bias', 'bn.weight']);
    },
  );

  it.each([0, 1, 2, 3])('shares memory between tensors that share a storage, %i bytes off', async (offset) => {
    const storage = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
    const pickle = opDict({
      all: opTensor({ count: 6, size: [2, 3], stride: [3, 1] }),
      part: opTensor({ count: 6, offset: 2, size: [3], stride: [1] }),
      turned: opTensor({ count: 6, size: [3, 2], stride: [1, 3] }),
      every: opTensor({ count: 6, offset: 1, size: [3], stride: [2] }),
    });
    const bytes = Buffer.concat([Buffer.alloc(offset), checkpointOf(`${pickle}.`, { 0: storage })]).subarray(offset);
    const file = await weightsFrom(memorySource(bytes, 'shared'));
    const [all, part, turned, every] = await Promise.all([...file.tensors.keys()].map((name) => file.read(name)));
    expect(part.data.buffer).toBe(all.data.buffer);
    expect([values(part), values(turned), values(every)]).toEqual([
      [2, 3, 4],
      [0, 3, 1, 4, 2, 5],
      [1, 3, 5],
    ]);
  });

  it('reads a tensor once that stands under many names', async () => {
    const names = Array.from({ length: 1400 }, (_, index) => `name${index}`);
    // BINPUT and BINGET: the tensor is kept when it is first made, and taken from there.
    const dict = Object.fromEntries(
      names.map((name, index) => [
        name,
        index === 0 ? `${opTensor({ count: 2, size: [2], stride: [1] })}q\x63` : 'h\x63',
      ]),
    );
    const content = new Uint8Array(Float32Array.of(1, 2).buffer);
    const source = memorySource(checkpointOf(`${opDict(dict)}.`, { 0: content }), 'many names');
    let reads = 0;
    const counted = {
      ...source,
      read(offset: number, length: number) {
        reads++;
        return source.read(offset, length);
      },
    };
    const file = await weightsFrom(counted);
    const before = reads;
    const tensors: Tensor[] = [];
    for (const name of names) tensors.push(await file.read(name));
    expect(reads - before).toBeLessThan(4);
    expect(tensors.every(({ data }) => data.buffer === tensors[0].data.buffer)).toBe(true);
    expect(values(tensors[1399])).toEqual([1, 2]);
  });

  it('reads deflated entries, ZIP64 sizes and a comment', async () => {
    const pickle = Buffer.from(`${opDict({ a: opTensor({ count: 2, size: [2], stride: [1] }) })}.`, 'latin1');
    const content = new Uint8Array(Float32Array.of(1, 2).buffer);
    const parts = [
      { name: 'x/data.pkl', content: pickle, deflate: true },
      { name: 'x/data/0', content, zip64: true },
    ];
    const file = await weightsFrom(memorySource(zipOf(parts, { zip64End: true, comment: 'PK\x05\x06 no end' }), 'x'));
    expect(values(await file.read('a'))).toEqual([1, 2]);
  });
});

describe('checkpoints of training code', () => {
  const one = (key = '0') => opTensor({ key, count: 1, size: [1], stride: [1] });
  const parts = { 0: new Uint8Array(4), 1: new Uint8Array(4) };
  const opened = async (entries: Record<string, string>, key?: string) =>
    await weightsFrom(memorySource(checkpointOf(`${opDict(entries)}.`, parts), 'made.pth'), { key });

  it('are read past objects of unknown names, of which nothing is made', async () => {
    const file = await opened({
      state_dict: opDict({ a: one() }),
      path: 'cpathlib\nPosixPath\n(V/\nVx\ntR',
      bound: 'c__builtin__\ngetattr\n(cmine\nScheduler\nVstep\ntR',
      config: '(cmine\nConfig\n(tR(Va\nL1L\nuo'.replace(/^\(/, '').replace(/o$/, ''),
      list: 'cmine\nList\n)R(L1L\nL2L\ne',
      named: 'cmine\nNamed\n)}\x92}b',
      complex: 'c__builtin__\ncomplex\n(F0\nF1\ntR',
    });
    expect([...file.tensors.keys()]).toEqual(['a']);
    expect(file.steppedOver).toEqual([
      'pathlib.PosixPath',
      '__builtin__.getattr',
      'mine.Scheduler',
      'mine.Config',
      'mine.List',
      'mine.Named',
    ]);
  });

  it('with averaged weights beside the others give those that are asked for', async () => {
    const both = { state_dict: opDict({ a: one() }), state_dict_ema: opDict({ 'module.a': one('1') }) };
    const usual = await opened(both);
    expect([[...usual.tensors.keys()], usual.others]).toEqual([['a'], ['state_dict_ema']]);
    expect([...(await opened(both, 'state_dict_ema')).tensors.keys()]).toEqual(['module.a']);
    const nested = { models: opDict({ teacher: opDict({ b: one() }), student: opDict({ a: one('1') }) }) };
    expect([...(await opened(nested, 'models.teacher')).tensors.keys()]).toEqual(['b']);
    await expect(opened(both, 'ema')).rejects.toThrow('expected the key "ema", found state_dict, state_dict_ema');
    await expect(opened({ epoch: 'L1L\n', model_ema: opDict({ a: one(), b: one('1') }) })).rejects.toThrow(
      'found some under model_ema: choose with --key',
    );
    await expect(opened({ epoch: 'L1L\n' }, 'epoch')).rejects.toThrow('under the key "epoch", found none');
  });

  it('that were pickled whole, or hold tensors of kinds that are not read, are refused with the way out', async () => {
    await expect(opened({ model: 'cmine\nNet\n)R}b' })).rejects.toThrow(
      /found an object of the class mine\.Net, which only Python can load: .*torch\.save\(model\.state_dict\(\)/,
    );
    const sparse = `ctorch._utils\n_rebuild_sparse_tensor\n(V0\n(${one()}ttR`;
    await expect(opened({ state_dict: opDict({ a: one(), q: sparse }) })).rejects.toThrow(
      'expected "q" to be a plain tensor, found one made by torch._utils._rebuild_sparse_tensor',
    );
  });
});

describe('hostile checkpoints', () => {
  it('are refused with the name they ask for, and run nothing', async () => {
    await expect(readStateDict(fixture('hostile.pth'))).rejects.toThrow(
      /hostile\.pth: refused the global "posix\.system"/,
    );
    expect(existsSync(resolve('pwned-by-pickle'))).toBe(false);
  });

  it('run nothing from the command line of Node either', () => {
    const folder = mkdtempSync(join(tmpdir(), 'steadyseg-'));
    const module = import.meta.resolve('#src/weights/openWeights.js');
    const script = `import(${JSON.stringify(module)}).then((m) => m.readStateDict(${JSON.stringify(fixture('hostile.pth'))})).then(() => console.log('read'), () => console.log('refused'))`;
    expect(execFileSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' }).trim()).toBe('refused');
    expect(existsSync(join(folder, 'pwned-by-pickle'))).toBe(false);
    rmSync(folder, { recursive: true });
  });

  const four = { 0: new Uint8Array(16) };
  const tensorOf = (options: Parameters<typeof opTensor>[0]) =>
    checkpointOf(`${opDict({ a: opTensor(options) })}.`, four);
  const refused: [why: string, bytes: Uint8Array, message: RegExp][] = [
    ['a class', checkpointOf('c__builtin__\neval\n(V1+1\ntR.'), /refused the global "__builtin__\.eval"/],
    [
      'a global by its protocol 4 opcode',
      checkpointOf('\x80\x04\x8c\x02os\x8c\x06system\x93.'),
      /refused the global "os\.system"/,
    ],
    ['an instance by the INST opcode', checkpointOf('(ios\nsystem\n.'), /opcode 0x69 is not supported/],
    ['an extension code', checkpointOf('\x82\x01.'), /opcode 0x82 is not supported/],
    ['a call of what is no function', checkpointOf('V1\n)R.'), /no function or class/],
    ['a call of a storage class', checkpointOf('ctorch\nFloatStorage\n)R.'), /no function or class/],
    ['a persistent id that is no storage', checkpointOf('Vx\nQ.'), /persistent id that is no storage/],
    [
      'a view past its storage',
      tensorOf({ count: 4, offset: 2, size: [3], stride: [1] }),
      /exceeds the 4 elements of storage "0"/,
    ],
    ['a stride past its storage', tensorOf({ count: 4, size: [2, 2], stride: [3, 1] }), /exceeds the 4 elements/],
    [
      'a negative stride',
      tensorOf({ count: 4, offset: 3, size: [2], stride: [-1] }),
      /stride is no tuple of whole numbers/,
    ],
    ['a negative offset', tensorOf({ count: 4, offset: -1, size: [2], stride: [1] }), /offset is no whole number/],
    ['a shape beyond 2^53', tensorOf({ count: 4, size: [2 ** 40, 2 ** 40], stride: [0, 0] }), /exceeds/],
    [
      'an expanded tensor far larger than the file',
      tensorOf({ count: 4, size: [2 ** 30], stride: [0] }),
      /strided tensors would take more than/,
    ],
    [
      'a storage larger than its entry',
      tensorOf({ count: 5, size: [1], stride: [1] }),
      /"x\/data\/0": expected 20 bytes, found 16/,
    ],
    [
      'a storage without an entry',
      checkpointOf(`${opDict({ a: opTensor({ key: '7', count: 1, size: [1], stride: [1] }) })}.`),
      /"x\/data\/7" is missing/,
    ],
    [
      'one storage with two sizes',
      checkpointOf(
        `(${opTensor({ count: 4, size: [1], stride: [1] })}${opTensor({ count: 2, size: [1], stride: [1] })}t.`,
        four,
      ),
      /4 float32 in one place and 2 float32 in another/,
    ],
    ['a memo that was never filled', checkpointOf('h\x05.'), /never remembered/],
    ['an empty stack', checkpointOf('.'), /empty stack/],
    ['a mark that was never set', checkpointOf('t.'), /mark it never set/],
    ['values left over', checkpointOf('NN.'), /left on the stack/],
    ['a string past the end', checkpointOf('X\xff\xff\xff\x7fabc.'), /expected 2147483647 more bytes/],
    ['a whole number of a million digits', checkpointOf(`L${'9'.repeat(1_000_000)}L\n.`), /a line of at most/],
    [
      'a long whole number',
      checkpointOf(`\x8b\x00\x10\x00\x00${'\xff'.repeat(4096)}.`),
      /a whole number of 4096 bytes/,
    ],
    ['too many values', checkpointOf('N'.repeat(MAX_STACK + 1)), /values on the stack/],
    ['too many lists', checkpointOf(']0'.repeat(MAX_CONTAINERS + 1)), /lists, dicts and objects/],
    [
      'quadratic copying',
      checkpointOf(`(${'N'.repeat(100_000)}tq\x00${'0c__builtin__\nlist\nh\x00\x85R'.repeat(10_000)}.`),
      /steps/,
    ],
    [
      'a tensor that rebuilds itself',
      checkpointOf('ctorch._tensor\n_rebuild_from_type_v2\nq\x00(h\x00Nh\x00NtR.'),
      /what is no tuple|other than/,
    ],
    ['devices that join what doubles', checkpointOf(doublingDevices), /a device that is no name and number/],
    ['a device of nested tuples', checkpointOf(nestedDevice), /a device that is no name and number/],
    ['a device of a long name', checkpointOf(`ctorch\ndevice\n(V${'a'.repeat(33)}\ntR.`), /a device that is no name/],
    ['no tensors', checkpointOf(`${opDict({ epoch: 'L1L\n' })}.`), /expected a state dict/],
    ['an unfamiliar file', new TextEncoder().encode('hello there, no weights'), /neither/],
    ['an empty file', new Uint8Array(0), /it is empty/],
    [
      'a zip archive that is no checkpoint',
      zipOf([{ name: 'a.txt', content: new Uint8Array(3) }]),
      /0 entries named data\.pkl/,
    ],
    [
      'a bomb',
      zipOf([{ name: 'x/data.pkl', content: new Uint8Array(2 ** 24), deflate: true }]),
      /inflates from \d+ to 16777216 bytes: more than 100 times/,
    ],
    [
      'a bomb that lies',
      zipOf([{ name: 'x/data.pkl', content: new Uint8Array(2 ** 24), deflate: true, claim: { size: 100 } }]),
      /does not inflate/,
    ],
    [
      'entries that overlap',
      zipOf([
        { name: 'x/data.pkl', content: new Uint8Array(64) },
        { name: 'b', content: new Uint8Array(64), claim: { offset: 8 } },
      ]),
      /overlaps/,
    ],
    [
      'an entry outside the file',
      zipOf([{ name: 'x/data.pkl', content: new Uint8Array(3), claim: { size: 10 ** 6, storedSize: 10 ** 6 } }]),
      /outside the file/,
    ],
    ['a wrong check sum', zipOf([{ name: 'x/data.pkl', content: new Uint8Array(3), claim: { crc: 1 } }]), /check sum/],
    [
      'an encrypted entry',
      zipOf([{ name: 'x/data.pkl', content: new Uint8Array(3), claim: { flags: 1 } }]),
      /encrypted/,
    ],
    [
      'an odd compression',
      zipOf([{ name: 'x/data.pkl', content: new Uint8Array(3), claim: { method: 14 } }]),
      /compression method 14/,
    ],
    [
      'big-endian data',
      zipOf([
        { name: 'x/data.pkl', content: Buffer.from('N.') },
        { name: 'x/byteorder', content: Buffer.from('big') },
      ]),
      /little-endian/,
    ],
  ];
  it.each(refused)('are refused: %s', async (_, bytes, message) => {
    const attempt = weightsFrom(memorySource(bytes, 'made.pth'));
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toThrow(/^made\.pth: /);
  });

  it('are refused when cut off', async () => {
    for (const name of ['state_dict_zip.pth', 'state_dict_legacy.pth']) {
      const bytes = new Uint8Array(readFileSync(fixture(name)));
      for (let length = 0; length < bytes.length; length += 5) {
        const attempt = open(bytes.subarray(0, length));
        await expect(attempt, `${name} at ${length}`).rejects.toThrow(/^made\.pth: /);
      }
    }
  });

  it('with values that contain themselves or fan out exponentially are searched in bounded time', async () => {
    // d = {}; d['a'] = d
    await expect(weightsFrom(memorySource(checkpointOf('}q\x00Va\nh\x00s.'), 'made.pth'))).rejects.toThrow(
      /expected a state dict/,
    );
    // Each dict names the one before it twice, a hundred times over.
    let pickle = '}q\x00';
    for (let i = 1; i < 100; i++)
      pickle += `0}(Va\nh${String.fromCharCode(i - 1)}Vb\nh${String.fromCharCode(i - 1)}uq${String.fromCharCode(i)}`;
    await expect(weightsFrom(memorySource(checkpointOf(`${pickle}.`), 'made.pth'))).rejects.toThrow(
      /expected a state dict/,
    );
  });
});
