// A pickle interpreter that builds plain values and calls nothing but what it is given: Python is never run.
// Opcodes: Lib/pickletools.py of CPython, protocols 0 to 5 as far as PyTorch's files use them.
import { SteadysegError } from '../base/errors.js';

/** Most values on the stack: PyTorch puts a thousand there before it moves them into a dict or list. */
export const MAX_STACK = 1_000_000;
/** Most memo entries: about a dozen a tensor in PyTorch's files. */
const MAX_MEMO = 2_000_000;
/** Most lists, tuples, dicts and objects: about eight a tensor. One byte of the file can make one of some hundred bytes. */
export const MAX_CONTAINERS = 1_000_000;
/** Most steps: one for an opcode, and one for each item that a call copies, so that a small file cannot ask for long work. */
const MAX_STEPS = 50_000_000;
/** Largest whole number in bytes: PyTorch's own mark takes 10; reading longer ones takes quadratic time. */
const MAX_INTEGER_BYTES = 256;
/** Longest line of the text opcodes (names, numbers). */
const MAX_LINE_BYTES = 4096;

const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A Python object that is not plain data: a tensor, a storage, an allowed class or function. `kind` tells which. */
export interface PickleObject {
  readonly kind: string;
  /** Calls it, as REDUCE and NEWOBJ do. `spend` is charged for what the call copies. */
  call?(args: readonly PickleValue[], spend: (steps: number) => void): PickleValue;
  /** Takes the state that BUILD gives an object. */
  setState?(state: PickleValue): void;
}

/**
 * What a pickle holds: tuples and lists are arrays, dicts (also OrderedDict) are Maps. Whole numbers beyond 2^53 are bigints.
 * Values may be shared, and a hostile file can make lists that contain themselves.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleObject;

export interface UnpickleOptions {
  /** Names the file in errors. */
  readonly source: string;
  /** Where the pickle starts in `bytes`; default 0. */
  readonly offset?: number;
  /** The object that `module.name` stands for; throws when it is not allowed. */
  readonly findGlobal: (name: string) => PickleObject;
  /** The object that a persistent id stands for. */
  readonly persistentLoad: (id: PickleValue) => PickleValue;
}

/** Interprets one pickle. Returns its value and the offset after it. @throws SteadysegError for anything not allowed or damaged. */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions): { value: PickleValue; end: number } {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = options.offset ?? 0;
  let steps = 0;
  let containers = 0;
  const memo = new Map<number, PickleValue>();
  const stack: PickleValue[] = [];
  /** Stack heights at the open marks. */
  const marks: number[] = [];

  const fail = (problem: string): never => {
    throw new SteadysegError(`${options.source}: damaged or unsupported pickle data at byte ${at}: ${problem}`);
  };
  const spend = (count: number) => {
    steps += count;
    if (steps > MAX_STEPS) fail(`it asks for more than ${MAX_STEPS} steps`);
  };
  /** Moves on by `length` bytes and returns where they start. */
  const take = (length: number): number => {
    const start = at;
    if (length > bytes.length - at) fail(`expected ${length} more bytes, found ${bytes.length - at}`);
    at += length;
    return start;
  };
  const takeBytes = (length: number): Uint8Array => {
    const start = take(length);
    return bytes.subarray(start, start + length);
  };
  const uint8 = () => data.getUint8(take(1));
  const uint16 = () => data.getUint16(take(2), true);
  const uint32 = () => data.getUint32(take(4), true);
  const uint64 = () => {
    const value = data.getBigUint64(take(8), true);
    return value <= BigInt(bytes.length) ? Number(value) : fail(`a length of ${value} bytes`);
  };
  const utf8 = (length: number): string => utf8Decoder.decode(takeBytes(length));
  const line = (): string => {
    const end = bytes.subarray(at, at + MAX_LINE_BYTES).indexOf(10);
    if (end < 0) fail(`expected a line of at most ${MAX_LINE_BYTES} bytes`);
    const text = utf8(end);
    at++;
    return text;
  };
  const push = (value: PickleValue) => {
    if (stack.length === MAX_STACK) fail(`it puts more than ${MAX_STACK} values on the stack`);
    stack.push(value);
  };
  const pushContainer = (value: PickleValue) => {
    containers++;
    if (containers > MAX_CONTAINERS) fail(`it makes more than ${MAX_CONTAINERS} lists, dicts and objects`);
    push(value);
  };
  /** The top of the stack, above the last mark. */
  const pop = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) fail('it takes a value from an empty stack');
    return stack.pop() ?? null;
  };
  const peek = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) fail('it needs a value of an empty stack');
    return stack[stack.length - 1];
  };
  const popMark = (): PickleValue[] => {
    const height = marks.pop() ?? fail('it closes a mark it never set');
    spend(stack.length - height);
    return stack.splice(height);
  };
  const remember = (index: number) => {
    if (memo.size >= MAX_MEMO) fail(`it remembers more than ${MAX_MEMO} values`);
    memo.set(index, peek());
  };
  const recall = (index: number) => push(memo.get(index) ?? absent(memo, index, fail));
  const integer = (length: number): number | bigint => {
    if (length > MAX_INTEGER_BYTES) fail(`a whole number of ${length} bytes`);
    return littleEndianInteger(takeBytes(length));
  };
  // Objects of unknown classes may be lists or dicts too; what is put into them is dropped.
  const list = (value: PickleValue): PickleValue[] =>
    Array.isArray(value) ? value : isPickleObject(value) ? [] : fail('it appends to what is no list');
  const dict = (value: PickleValue): Map<PickleValue, PickleValue> =>
    value instanceof Map ? value : isPickleObject(value) ? new Map() : fail('it sets an item of what is no dict');
  const setItems = (target: Map<PickleValue, PickleValue>, items: readonly PickleValue[]) => {
    if (items.length % 2 !== 0) fail('a dict with a key and no value');
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  };
  const call = () => {
    const args = pop();
    const callee = pop();
    if (!Array.isArray(args)) return fail('it calls something with arguments that are no tuple');
    if (!isPickleObject(callee) || !callee.call) return fail('it calls something that is no function or class');
    pushContainer(callee.call(args, spend));
  };
  const build = () => {
    const state = pop();
    const target = peek();
    // Attributes of an OrderedDict (`_metadata` of a state dict), or of a list or set of a class of its own, are of no use here.
    if (target instanceof Map || target instanceof Set || Array.isArray(target)) return;
    if (!isPickleObject(target) || !target.setState) return fail('it sets the state of what has none');
    target.setState(state);
  };
  const global = (module: PickleValue, name: PickleValue) => {
    if (typeof module !== 'string' || typeof name !== 'string') return fail('a global that is not named by strings');
    push(options.findGlobal(`${module}.${name}`));
  };

  if (at >= bytes.length) fail('expected a pickle, found the end');
  for (;;) {
    spend(1);
    const opcode = uint8();
    switch (opcode) {
      case 0x80: // PROTO
        if (uint8() > 5) fail('expected pickle protocol 5 or lower');
        break;
      case 0x95: // FRAME: only a hint for reading ahead
        take(8);
        break;
      case 0x2e: {
        // STOP
        const value = pop();
        if (stack.length > 0 || marks.length > 0) fail('values are left on the stack');
        return { value, end: at };
      }
      case 0x28: // MARK
        if (marks.length === MAX_STACK) fail(`it sets more than ${MAX_STACK} marks`);
        marks.push(stack.length);
        break;
      case 0x30: // POP: a mark when one is on top
        if (marks.at(-1) === stack.length) marks.pop();
        else pop();
        break;
      case 0x31: // POP_MARK
        popMark();
        break;
      case 0x32: // DUP
        push(peek());
        break;
      case 0x4e: // NONE
        push(null);
        break;
      case 0x88: // NEWTRUE
        push(true);
        break;
      case 0x89: // NEWFALSE
        push(false);
        break;
      case 0x49: // INT; "00" and "01" are the booleans
        push(textInteger(line(), fail));
        break;
      case 0x4c: // LONG
        push(textInteger(line().replace(/L$/, ''), fail));
        break;
      case 0x46: {
        // FLOAT
        const text = line();
        const value = Number(text);
        if (text.trim() === '' || (Number.isNaN(value) && text !== 'nan')) fail('expected a number');
        push(value);
        break;
      }
      case 0x4a: // BININT
        push(data.getInt32(take(4), true));
        break;
      case 0x4b: // BININT1
        push(uint8());
        break;
      case 0x4d: // BININT2
        push(uint16());
        break;
      case 0x8a: // LONG1
        push(integer(uint8()));
        break;
      case 0x8b: // LONG4
        push(integer(uint32()));
        break;
      case 0x47: // BINFLOAT
        push(data.getFloat64(take(8), false));
        break;
      case 0x53: // STRING: a quoted Python 2 string
        push(line().replace(/^(['"])(.*)\1$/, '$2'));
        break;
      case 0x54: // BINSTRING
        push(latin1(takeBytes(uint32())));
        break;
      case 0x55: // SHORT_BINSTRING
        push(latin1(takeBytes(uint8())));
        break;
      case 0x56: // UNICODE
        push(line());
        break;
      case 0x58: // BINUNICODE
        push(utf8(uint32()));
        break;
      case 0x8c: // SHORT_BINUNICODE
        push(utf8(uint8()));
        break;
      case 0x8d: // BINUNICODE8
        push(utf8(uint64()));
        break;
      case 0x42: // BINBYTES
        push(takeBytes(uint32()));
        break;
      case 0x43: // SHORT_BINBYTES
        push(takeBytes(uint8()));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        push(takeBytes(uint64()));
        break;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        pushContainer([]);
        break;
      case 0x6c: // LIST
      case 0x74: // TUPLE
        pushContainer(popMark());
        break;
      case 0x61: {
        // APPEND
        const item = pop();
        list(peek()).push(item);
        break;
      }
      case 0x65: {
        // APPENDS
        const items = popMark();
        const target = list(peek());
        for (const item of items) target.push(item);
        break;
      }
      case 0x85: // TUPLE1
        pushContainer([pop()]);
        break;
      case 0x86: {
        // TUPLE2
        const second = pop();
        pushContainer([pop(), second]);
        break;
      }
      case 0x87: {
        // TUPLE3
        const third = pop();
        const second = pop();
        pushContainer([pop(), second, third]);
        break;
      }
      case 0x7d: // EMPTY_DICT
        pushContainer(new Map());
        break;
      case 0x64: {
        // DICT
        const target = new Map<PickleValue, PickleValue>();
        setItems(target, popMark());
        pushContainer(target);
        break;
      }
      case 0x73: {
        // SETITEM
        const value = pop();
        const key = pop();
        dict(peek()).set(key, value);
        break;
      }
      case 0x75: {
        // SETITEMS
        const items = popMark();
        setItems(dict(peek()), items);
        break;
      }
      case 0x8f: // EMPTY_SET
        pushContainer(new Set());
        break;
      case 0x90: {
        // ADDITEMS
        const items = popMark();
        const target = peek();
        if (isPickleObject(target)) break;
        if (!(target instanceof Set)) return fail('it adds to what is no set');
        for (const item of items) target.add(item);
        break;
      }
      case 0x91: // FROZENSET
        pushContainer(new Set(popMark()));
        break;
      case 0x63: {
        // GLOBAL
        const module = line();
        global(module, line());
        break;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = pop();
        global(pop(), name);
        break;
      }
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        call();
        break;
      case 0x92: // NEWOBJ_EX: arguments by name are dropped
        pop();
        call();
        break;
      case 0x62: // BUILD
        build();
        break;
      case 0x70: // PUT
        remember(Number(line()));
        break;
      case 0x71: // BINPUT
        remember(uint8());
        break;
      case 0x72: // LONG_BINPUT
        remember(uint32());
        break;
      case 0x94: // MEMOIZE
        remember(memo.size);
        break;
      case 0x67: // GET
        recall(Number(line()));
        break;
      case 0x68: // BINGET
        recall(uint8());
        break;
      case 0x6a: // LONG_BINGET
        recall(uint32());
        break;
      case 0x50: // PERSID
        pushContainer(options.persistentLoad(line()));
        break;
      case 0x51: // BINPERSID
        pushContainer(options.persistentLoad(pop()));
        break;
      default:
        at--;
        fail(`opcode 0x${opcode.toString(16).padStart(2, '0')} is not supported`);
    }
  }
}

/** Whether a value is an object with a kind, no plain data. */
export function isPickleObject(value: PickleValue | undefined): value is PickleObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Map) &&
    !(value instanceof Set) &&
    !(value instanceof Uint8Array)
  );
}

/** A remembered `None`, or an error when nothing is remembered under the index. */
function absent(memo: ReadonlyMap<number, PickleValue>, index: number, fail: (problem: string) => never): null {
  return memo.has(index)
    ? null
    : fail(`it recalls a value that it never remembered, number ${Number.isNaN(index) ? 'unknown' : index}`);
}

/** Two's complement, least significant byte first. */
function littleEndianInteger(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  if (bytes.length > 0 && bytes[bytes.length - 1] & 0x80) value -= 1n << BigInt(8 * bytes.length);
  return narrow(value);
}

function textInteger(text: string, fail: (problem: string) => never): number | bigint | boolean {
  if (text === '00' || text === '01') return text === '01';
  if (!/^-?\d{1,600}$/.test(text)) return fail('expected a whole number');
  return narrow(BigInt(text));
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** One character a byte. (TextDecoder's "latin1" is Windows-1252.) */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
