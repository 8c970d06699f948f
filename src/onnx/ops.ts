// Builder functions named after the ONNX operators: each adds one node (opset 18) to the graph of its first input.
import { SteadysegError } from '../base/errors.js';
import { float32ToFloat16 } from '../tensor/half.js';
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
  if (dtype === 'float16') return constant(graph, tensor('float16', [], float32ToFloat16(Float32Array.of(value))));
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

/** A tensor filled with one value. */
export function filled(graph: Graph, shape: Shape, value: number, dtype: DType = 'float32'): Value {
  if (dtype !== 'float32') return cast(filled(graph, shape, value), dtype);
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

/** a + b, broadcast. */
export const add = binary('Add');
/** a − b, broadcast. */
export const sub = binary('Sub');
/** a · b, element by element, broadcast. */
export const mul = binary('Mul');
/** a / b, broadcast. */
export const div = binary('Div');
/** a to the power of b, broadcast. */
export const pow = binary('Pow');
/** The larger of two, broadcast. */
export const max = binary('Max');
/** The smaller of two, broadcast. */
export const min = binary('Min');
/** a = b, as bool. */
export const equal = binary('Equal');
/** a > b, as bool. */
export const greater = binary('Greater');
/** a ≥ b, as bool. */
export const greaterOrEqual = binary('GreaterOrEqual');
/** a < b, as bool. */
export const less = binary('Less');
/** a ≤ b, as bool. */
export const lessOrEqual = binary('LessOrEqual');
/** Both of two bools. */
export const and = binary('And');

/** |x|. */
export const abs = unary('Abs');
/** Cosine of radians. */
export const cos = unary('Cos');
/** Hyperbolic cosine. */
export const cosh = unary('Cosh');
/** Error function. */
export const erf = unary('Erf');
/** e to the power of x. */
export const exp = unary('Exp');
/** The next whole number below. */
export const floor = unary('Floor');
/** The same value under another name. */
export const identity = unary('Identity');
/** Natural logarithm. */
export const log = unary('Log');
/** −x. */
export const neg = unary('Neg');
/** 1 / x. */
export const reciprocal = unary('Reciprocal');
/** The nearest whole number, halves to the even one. */
export const round = unary('Round');
/** max(0, x). */
export const relu = unary('Relu');
/** 1 / (1 + e^−x). */
export const sigmoid = unary('Sigmoid');
/** −1, 0 or 1. */
export const sign = unary('Sign');
/** Sine of radians. */
export const sin = unary('Sin');
/** Hyperbolic sine. */
export const sinh = unary('Sinh');
/** log(1 + e^x). */
export const softplus = unary('Softplus');
/** Square root. */
export const sqrt = unary('Sqrt');
/** Hyperbolic tangent. */
export const tanh = unary('Tanh');
/** N×C×H×W → N×C×1×1: the mean of each channel. */
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

/** Negative inputs times a slope that broadcasts to them. */
export function pRelu(x: Value, slope: Value): Value {
  return one('PRelu', [x, slope]);
}

/** Limits to [low, high]; an end that is undefined is open. */
export function clip(x: Value, low: number | undefined, high: number | undefined): Value {
  const bound = (value: number | undefined) => (value === undefined ? undefined : scalar(x.graph, value, x.dtype));
  return one('Clip', [x, bound(low), bound(high)]);
}

/** The same numbers in another element type; the value itself where it has that type. */
export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : one('Cast', [x], { to: int(elementTypeCode(dtype)) });
}

/** `yes` where the condition holds, else `no`. */
export function where(condition: Value, yes: Operand, no: Operand): Value {
  const dtype = typeof yes === 'number' ? (typeof no === 'number' ? 'float32' : no.dtype) : yes.dtype;
  const lift = (operand: Operand) => (typeof operand === 'number' ? scalar(condition.graph, operand, dtype) : operand);
  return one('Where', [condition, lift(yes), lift(no)]);
}

/** How a window moves over the axes of an image. */
export interface WindowOptions {
  /** By axis; 1 by default. */
  readonly strides?: readonly number[];
  /** Begin of every axis, then end of every axis; 0 by default. */
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
}

/** Geometry of a convolution. */
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

/** Geometry of a transposed convolution. */
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

/** Geometry of a pooling. */
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

/** Matrix products of the last two axes; those before broadcast. */
export function matMul(a: Value, b: Value): Value {
  return one('MatMul', [a, b]);
}

/** Axes in another order: axis i of the result is axis `permutation[i]`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  return one('Transpose', [x], { perm: ints(permutation) });
}

/** The same elements in another shape; one size may be -1. */
export function reshape(x: Value, shape: Shape): Value {
  return one('Reshape', [x, integers(x.graph, shape)]);
}

/** Values joined along an axis. */
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

/** What stands beyond the edge. */
export type PadMode = 'constant' | 'edge' | 'reflect';

/** Begin of every axis, then end of every axis. */
export function pad(x: Value, pads: readonly number[], mode: PadMode = 'constant', value = 0): Value {
  const fill = mode === 'constant' && value !== 0 ? [scalar(x.graph, value, x.dtype)] : [];
  return one('Pad', [x, integers(x.graph, pads), ...fill], { mode: string(mode) });
}

/** Slices of an axis by index. */
export function gather(x: Value, indices: Value, axis: number): Value {
  return one('Gather', [x, indices], { axis: int(axis) });
}

/** Elements along an axis by index, one index a result. */
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

/** Broadcast to a shape. */
export function expand(x: Value, shape: Shape): Value {
  return one('Expand', [x, integers(x.graph, shape)]);
}

/** Without axes of size 1. */
export function squeeze(x: Value, axes: readonly number[]): Value {
  return one('Squeeze', [x, integers(x.graph, axes)]);
}

/** With new axes of size 1. */
export function unsqueeze(x: Value, axes: readonly number[]): Value {
  return one('Unsqueeze', [x, integers(x.graph, axes)]);
}

function reduction(op: string): (x: Value, axes?: readonly number[], keepDimensions?: boolean) => Value {
  return (x, axes, keepDimensions = true) =>
    one(op, axes ? [x, integers(x.graph, axes)] : [x], { keepdims: int(keepDimensions ? 1 : 0) });
}

/** Over the given axes, or over all of them. Reduced axes stay with size 1 unless `keepDimensions` is false. */
export const reduceSum = reduction('ReduceSum');
/** Mean over axes (default: all), which are kept with size 1 unless told otherwise. */
export const reduceMean = reduction('ReduceMean');
/** Largest over axes (default: all). */
export const reduceMax = reduction('ReduceMax');
/** Smallest over axes (default: all). */
export const reduceMin = reduction('ReduceMin');
/** Sum of squares over axes (default: all). */
export const reduceSumSquare = reduction('ReduceSumSquare');

/** e^x over the sum of all along an axis. */
export function softmax(x: Value, axis: number): Value {
  return one('Softmax', [x], { axis: int(axis) });
}

/** Index of the largest element along an axis, as int64. */
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
