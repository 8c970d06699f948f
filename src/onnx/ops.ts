// Builder functions named after the ONNX operators: each adds one node (opset 18) to the graph of its first input.
import { SteadysegError } from '../base/errors.js';
import type { CoordinateMode } from '../tensor/interpolation.js';
import { type DType, elementCount, int64, type Shape, tensor } from '../tensor/tensor.js';
import { elementTypeCode } from './elementTypes.js';
import { addNode, constant, type Graph, type Value } from './graph.js';
import { type Attribute, type Attributes, float, int, ints, string } from './model.js';

/** A value, or a number that becomes a scalar constant of the other operand's element type. */
export type Operand = Value | number;

function one(op: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value {
  const graph = inputs[0]?.graph;
  if (!graph) throw new SteadysegError(`${op}: the first input is missing`);
  return addNode(graph, op, inputs, attributes)[0];
}

/** A scalar constant of an element type. */
export function scalar(graph: Graph, value: number, dtype: DType = 'float32'): Value {
  if (dtype === 'int64') return constant(graph, int64([], [value]));
  if (dtype === 'float32') return constant(graph, tensor('float32', [], Float32Array.of(value)));
  if (dtype === 'int32') return constant(graph, tensor('int32', [], Int32Array.of(value)));
  if (dtype === 'bool') return constant(graph, tensor('bool', [], Uint8Array.of(value)));
  throw new SteadysegError(`no scalar constants of element type ${dtype}`);
}

/** A constant one-dimensional int64 tensor: shapes, axes, paddings. */
export function integers(graph: Graph, values: readonly number[]): Value {
  return constant(graph, int64([values.length], values));
}

/** Filled constants of more elements than this are made at run time, so that they do not bloat the file. */
const MAX_STORED_FILL = 4096;

/** A float32 tensor filled with one value. */
export function filled(graph: Graph, shape: Shape, value: number): Value {
  const count = elementCount(shape);
  if (count <= MAX_STORED_FILL) return constant(graph, tensor('float32', shape, new Float32Array(count).fill(value)));
  const content: Attribute = { kind: 'tensor', value: tensor('float32', [1], Float32Array.of(value)) };
  return addNode(graph, 'ConstantOfShape', [integers(graph, shape)], { value: content })[0];
}

function binary(op: string): (a: Operand, b: Operand) => Value {
  return (a, b) => {
    if (typeof a === 'number') {
      if (typeof b === 'number') throw new SteadysegError(`${op}: both operands are numbers`);
      return one(op, [scalar(b.graph, a, b.dtype), b]);
    }
    return one(op, [a, typeof b === 'number' ? scalar(a.graph, b, a.dtype) : b]);
  };
}

function unary(op: string): (x: Value) => Value {
  return (x) => one(op, [x]);
}

export const add = binary('Add');
export const sub = binary('Sub');
export const mul = binary('Mul');
export const div = binary('Div');
export const pow = binary('Pow');
export const max = binary('Max');
export const min = binary('Min');
export const equal = binary('Equal');
export const greater = binary('Greater');
export const greaterOrEqual = binary('GreaterOrEqual');
export const less = binary('Less');
export const lessOrEqual = binary('LessOrEqual');
export const and = binary('And');

export const abs = unary('Abs');
export const cos = unary('Cos');
export const cosh = unary('Cosh');
export const erf = unary('Erf');
export const exp = unary('Exp');
export const floor = unary('Floor');
export const identity = unary('Identity');
export const log = unary('Log');
export const neg = unary('Neg');
export const reciprocal = unary('Reciprocal');
export const relu = unary('Relu');
export const round = unary('Round');
export const sigmoid = unary('Sigmoid');
export const sign = unary('Sign');
export const sin = unary('Sin');
export const sinh = unary('Sinh');
export const softplus = unary('Softplus');
export const sqrt = unary('Sqrt');
export const tanh = unary('Tanh');
export const globalAveragePool = unary('GlobalAveragePool');

/** Negative inputs times `alpha`. */
export function leakyRelu(x: Value, alpha: number): Value {
  return one('LeakyRelu', [x], { alpha: float(alpha) });
}

/** alpha·(eˣ - 1) for negative inputs. */
export function elu(x: Value, alpha: number): Value {
  return one('Elu', [x], { alpha: float(alpha) });
}

/** alpha·x + beta, limited to 0..1. */
export function hardSigmoid(x: Value, alpha: number, beta: number): Value {
  return one('HardSigmoid', [x], { alpha: float(alpha), beta: float(beta) });
}

export function pRelu(x: Value, slope: Value): Value {
  return one('PRelu', [x, slope]);
}

/** Limits to [low, high]; an end that is undefined is open. */
export function clip(x: Value, low: number | undefined, high: number | undefined): Value {
  const bound = (value: number | undefined) => (value === undefined ? undefined : scalar(x.graph, value, x.dtype));
  return one('Clip', [x, bound(low), bound(high)]);
}

export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : one('Cast', [x], { to: int(elementTypeCode(dtype)) });
}

/** `yes` where the condition holds, else `no`. */
export function where(condition: Value, yes: Operand, no: Operand): Value {
  const dtype = typeof yes === 'number' ? (typeof no === 'number' ? 'float32' : no.dtype) : yes.dtype;
  const lift = (operand: Operand) => (typeof operand === 'number' ? scalar(condition.graph, operand, dtype) : operand);
  return one('Where', [condition, lift(yes), lift(no)]);
}

export interface WindowOptions {
  /** By axis; 1 by default. */
  readonly strides?: readonly number[];
  /** Begin of every axis, then end of every axis; 0 by default. */
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
}

export interface ConvOptions extends WindowOptions {
  readonly group?: number;
}

function windowAttributes(options: WindowOptions, axes: number): Record<string, ReturnType<typeof ints>> {
  return {
    strides: ints(options.strides ?? Array(axes).fill(1)),
    pads: ints(options.pads ?? Array(2 * axes).fill(0)),
    dilations: ints(options.dilations ?? Array(axes).fill(1)),
  };
}

/** Convolution of N×C×H×W with O×(C/group)×h×w. */
export function conv(x: Value, weight: Value, bias?: Value, options: ConvOptions = {}): Value {
  return one('Conv', bias ? [x, weight, bias] : [x, weight], {
    ...windowAttributes(options, x.shape.length - 2),
    group: int(options.group ?? 1),
  });
}

export interface ConvTransposeOptions extends ConvOptions {
  readonly outputPadding?: readonly number[];
}

/** Transposed convolution of N×C×H×W with C×(O/group)×h×w. */
export function convTranspose(x: Value, weight: Value, bias?: Value, options: ConvTransposeOptions = {}): Value {
  return one('ConvTranspose', bias ? [x, weight, bias] : [x, weight], {
    ...windowAttributes(options, x.shape.length - 2),
    group: int(options.group ?? 1),
    output_padding: ints(options.outputPadding ?? Array(x.shape.length - 2).fill(0)),
  });
}

export interface PoolOptions extends WindowOptions {
  readonly kernel: readonly number[];
  readonly ceil?: boolean;
}

function poolAttributes(options: PoolOptions): Attributes {
  const { dilations, ...window } = windowAttributes(options, options.kernel.length);
  return {
    ...window,
    ...(options.dilations && { dilations }),
    kernel_shape: ints(options.kernel),
    ceil_mode: int(options.ceil ? 1 : 0),
  };
}

/** Maxima of windows. */
export function maxPool(x: Value, options: PoolOptions): Value {
  return one('MaxPool', [x], poolAttributes(options));
}

/** Means of windows. */
export function averagePool(x: Value, options: PoolOptions & { countIncludePad?: boolean }): Value {
  return one('AveragePool', [x], {
    ...poolAttributes(options),
    count_include_pad: int(options.countIncludePad ? 1 : 0),
  });
}

export function matMul(a: Value, b: Value): Value {
  return one('MatMul', [a, b]);
}

export function transpose(x: Value, permutation: readonly number[]): Value {
  return one('Transpose', [x], { perm: ints(permutation) });
}

/** The same elements in another shape; one size may be -1. */
export function reshape(x: Value, shape: Shape): Value {
  return one('Reshape', [x, integers(x.graph, shape)]);
}

export function concat(values: readonly Value[], axis: number): Value {
  return values.length === 1 ? values[0] : one('Concat', values, { axis: int(axis) });
}

/** Elements start, start+step, … before end of each given axis. */
export function slice(
  x: Value,
  axes: readonly number[],
  starts: readonly number[],
  ends: readonly number[],
  steps?: readonly number[],
): Value {
  const list = (values: readonly number[]) => integers(x.graph, values);
  return one('Slice', [x, list(starts), list(ends), list(axes), ...(steps ? [list(steps)] : [])]);
}

/** Parts of the given sizes along an axis. */
export function split(x: Value, axis: number, sizes: readonly number[]): Value[] {
  return addNode(x.graph, 'Split', [x, integers(x.graph, sizes)], { axis: int(axis) }, sizes.length);
}

/**
 * The same value, available only when `earlier` is: engines run nodes in any order that their inputs allow. No copy is made.
 * The axes to add are none, but which they are is told by `earlier`.
 */
export function after(x: Value, earlier: Value): Value {
  return one('Unsqueeze', [x, one('Shape', [earlier], { start: int(0), end: int(0) })]);
}

export type PadMode = 'constant' | 'edge' | 'reflect';

/** Begin of every axis, then end of every axis. */
export function pad(x: Value, pads: readonly number[], mode: PadMode = 'constant', value = 0): Value {
  const fill = mode === 'constant' && value !== 0 ? [scalar(x.graph, value, x.dtype)] : [];
  return one('Pad', [x, integers(x.graph, pads), ...fill], { mode: string(mode) });
}

export function gather(x: Value, indices: Value, axis: number): Value {
  return one('Gather', [x, indices], { axis: int(axis) });
}

export function gatherElements(x: Value, indices: Value, axis: number): Value {
  return one('GatherElements', [x, indices], { axis: int(axis) });
}

/** `x` with `updates` written to (or added at) `indices` along an axis. */
export function scatterElements(
  x: Value,
  indices: Value,
  updates: Value,
  axis: number,
  reduction: 'none' | 'add' = 'none',
): Value {
  return one('ScatterElements', [x, indices, updates], { axis: int(axis), reduction: string(reduction) });
}

export function expand(x: Value, shape: Shape): Value {
  return one('Expand', [x, integers(x.graph, shape)]);
}

export function squeeze(x: Value, axes: readonly number[]): Value {
  return one('Squeeze', [x, integers(x.graph, axes)]);
}

export function unsqueeze(x: Value, axes: readonly number[]): Value {
  return one('Unsqueeze', [x, integers(x.graph, axes)]);
}

function reduction(op: string): (x: Value, axes?: readonly number[], keepDimensions?: boolean) => Value {
  return (x, axes, keepDimensions = true) =>
    one(op, axes ? [x, integers(x.graph, axes)] : [x], { keepdims: int(keepDimensions ? 1 : 0) });
}

/** Over the given axes, or over all of them. Reduced axes stay with size 1 unless `keepDimensions` is false. */
export const reduceSum = reduction('ReduceSum');
export const reduceMean = reduction('ReduceMean');
export const reduceMax = reduction('ReduceMax');
export const reduceMin = reduction('ReduceMin');
export const reduceSumSquare = reduction('ReduceSumSquare');

export function softmax(x: Value, axis: number): Value {
  return one('Softmax', [x], { axis: int(axis) });
}

export function argMax(x: Value, axis: number, keepDimensions = true): Value {
  return one('ArgMax', [x], { axis: int(axis), keepdims: int(keepDimensions ? 1 : 0) });
}

/** The k largest (or smallest) along an axis, sorted, and their positions. */
export function topK(x: Value, k: number, axis: number, largest = true): { values: Value; indices: Value } {
  const attributes = { axis: int(axis), largest: int(largest ? 1 : 0), sorted: int(1) };
  const [values, indices] = addNode(x.graph, 'TopK', [x, integers(x.graph, [k])], attributes, 2);
  return { values, indices };
}

/** Resamples to the given sizes of all axes. */
export function resize(x: Value, sizes: Shape, mode: 'linear' | 'nearest', coordinates: CoordinateMode): Value {
  return one('Resize', [x, undefined, undefined, integers(x.graph, sizes)], {
    mode: string(mode),
    coordinate_transformation_mode: string(coordinates),
    ...(mode === 'nearest' && { nearest_mode: string('floor') }),
  });
}

/** Bilinear samples of N×C×H×W at N×h×w×2 positions (x, y) in -1..1. */
export function gridSample(
  x: Value,
  grid: Value,
  options: { padding: 'zeros' | 'border'; alignCorners: boolean },
): Value {
  return one('GridSample', [x, grid], {
    mode: string(x.graph.opset < 20 ? 'bilinear' : 'linear'),
    padding_mode: string(options.padding),
    align_corners: int(options.alignCorners ? 1 : 0),
  });
}

/** y = scale · (x - mean) / √(variance + epsilon) + bias, with given statistics. */
export function batchNormalization(
  x: Value,
  scale: Value,
  bias: Value,
  mean: Value,
  variance: Value,
  epsilon = 1e-5,
): Value {
  return one('BatchNormalization', [x, scale, bias, mean, variance], { epsilon: float(epsilon) });
}

/** Normalises by the batch's own statistics and returns them: `mean`, and the biased `variance`. */
export function batchNormalizationTraining(
  x: Value,
  scale: Value,
  bias: Value,
  epsilon = 1e-5,
): { output: Value; mean: Value; variance: Value } {
  // With momentum 0 the running outputs are the batch's statistics. They may share memory with the two inputs,
  // so these are constants of this node alone.
  const channels = x.shape[1];
  const own = () => filled(x.graph, [channels], 0);
  const attributes = { epsilon: float(epsilon), momentum: float(0), training_mode: int(1) };
  const [output, mean, variance] = addNode(
    x.graph,
    'BatchNormalization',
    [x, scale, bias, own(), own()],
    attributes,
    3,
  );
  return { output, mean, variance };
}
