// Chooses the output that labels come from, and says what its values are and where its maps lie.
import { SteadysegError, UsageError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import type { Dimension, Model, ValueInfo } from '../onnx/model.js';
import type { DType } from '../tensor/tensor.js';
import { allows, fixedSize, formatDimensions } from './dimensions.js';
import { type Layout, type ScoreKind, traceOutput } from './trace.js';

/** What is known when the output is chosen. */
export interface OutputWishes {
  readonly source: string;
  /** The output that is asked for. */
  readonly output?: string | undefined;
  /** What its values are said to be. */
  readonly scores?: ScoreKind | undefined;
  /** Names of the classes. */
  readonly names: readonly string[] | undefined;
  /** The input size. */
  readonly size: { readonly height: number | undefined; readonly width: number | undefined };
}

/** The output that labels come from. */
export interface ChosenOutput {
  readonly name: string;
  readonly layout: Layout;
  /** Undefined where the graph does not tell. */
  readonly kind: ScoreKind | undefined;
  /** Probabilities are multiplied by this. */
  readonly scale: number;
  /** Maps of scores; 1 for labels, undefined where the file does not say. */
  readonly channels: number | undefined;
  /** How many labels there are, of an output of labels, where the graph tells. */
  readonly labels: number | undefined;
  readonly notes: readonly string[];
}

interface Candidate extends Omit<ChosenOutput, 'notes'> {
  readonly value: ValueInfo;
  /** What the graph tells of it, in words. */
  readonly told: string | undefined;
  /** Pixels of a map; undefined where the file does not say. */
  readonly pixels: number | undefined;
}

const integers: ReadonlySet<DType> = new Set(['uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'bool']);

const floats: ReadonlySet<DType> = new Set(['float16', 'float32', 'float64']);

/**
 * The output asked for, the only one, one called `logits`, or the one that fits: as many maps as names, no auxiliary head,
 * scores before labels, the largest maps.
 *
 * @throws SteadysegError when none is of scores or labels, and when several fit, with the list of them.
 */
export function chooseOutput(model: Model, wishes: OutputWishes): ChosenOutput {
  const { source, output } = wishes;
  const { outputs } = model.graph;
  if (output !== undefined || outputs.length === 1) {
    const value = output === undefined ? outputs[0] : outputs.find(({ name }) => name === output);
    if (!value) throw noSuchOutput(output ?? '', outputs, source);
    const candidate = candidateOf(value, model, wishes);
    if (typeof candidate === 'string') throw new SteadysegError(`${source}: ${candidate}`);
    return chosen(candidate, [], wishes);
  }
  const analysed = outputs.map((value) => candidateOf(value, model, wishes));
  const candidates = analysed.filter((one): one is Candidate => typeof one !== 'string');
  if (candidates.length === 0) {
    const [reason] = analysed;
    throw new SteadysegError(`${source}: ${reason}; of its ${outputs.length} outputs no other fits better`);
  }
  const { left, reason } = narrow(candidates, wishes.names);
  if (left.length > 1) {
    throw new UsageError(
      `${source}: expected one output that may be meant, found ${left.length}: ${listOf(left.map(({ value }) => value))}: choose one with --output`,
    );
  }
  const [one] = left;
  const note = `of the outputs ${listOf(outputs)} "${one.name}" is taken: ${reason} (--output takes another)`;
  return chosen(one, one.name === 'logits' ? [] : [note], wishes);
}

function chosen(
  { value: _, pixels: __, told, ...candidate }: Candidate,
  notes: readonly string[],
  wishes: OutputWishes,
): ChosenOutput {
  const { name, kind, channels } = candidate;
  const { source } = wishes;
  if (kind === 'softmax' && channels === 1) {
    throw new SteadysegError(
      `${source}: expected a softmax over several classes, found one map in the output "${name}": it is 1 everywhere`,
    );
  }
  const because =
    wishes.scores === undefined &&
    told &&
    `the output "${name}" is read as ${describeKind(kind)}: ${told} is in the graph`;
  const untold =
    kind === undefined &&
    `the graph does not tell what the output "${name}" is: read as scores, or as probabilities where its values are such (--scores says)`;
  return { ...candidate, notes: [...notes, ...(because ? [because] : []), ...(untold ? [untold] : [])] };
}

function describeKind(kind: ScoreKind | undefined): string {
  return kind === 'labels' ? 'labels' : 'probabilities';
}

const inTheGraph = { softmax: 'a softmax', sigmoid: 'a sigmoid', labels: 'a choice of the class', logits: undefined };

/** Takes out what does not fit as well as the rest, until one is left or nothing tells them apart. */
function narrow(
  candidates: readonly Candidate[],
  names: readonly string[] | undefined,
): { left: readonly Candidate[]; reason: string } {
  const steps: [reason: string, (one: Candidate, all: readonly Candidate[]) => boolean][] = [
    ['it has the name', ({ name }) => name === 'logits'],
    ['it has a map for each name', ({ channels }) => channels !== undefined && channels === names?.length],
    ['the rest are auxiliary by their names', ({ name }) => !/aux/i.test(name)],
    [
      'it has scores of several classes, the rest labels',
      ({ kind, channels }, all) => kind !== 'labels' && channels !== 1 && all.some((other) => other.kind === 'labels'),
    ],
    ['it has labels, the rest single maps', ({ kind }) => kind === 'labels'],
    [
      'its maps are the largest',
      ({ pixels }, all) =>
        pixels !== undefined && all.every((other) => other.pixels !== undefined && other.pixels <= pixels),
    ],
  ];
  let left = candidates;
  let reason = 'no other fits';
  for (const [why, fits] of steps) {
    if (left.length === 1) break;
    const fitting = left.filter((one) => fits(one, left));
    if (fitting.length === 0 || fitting.length === left.length) continue;
    left = fitting;
    reason = why;
  }
  return { left, reason };
}

/** What an output would be, or why it is none. */
function candidateOf(value: ValueInfo, model: Model, wishes: OutputWishes): Candidate | string {
  const { name, type } = value;
  const traced = traceOutput(model, name);
  const dtype = type?.dtype;
  const whole = dtype !== undefined && integers.has(dtype);
  if (dtype !== undefined && !whole && !floats.has(dtype)) {
    return `expected scores of floating point, or labels of whole numbers, found that the output "${name}" is ${dtype}`;
  }
  // Probabilities as bytes: a matte that is made for pictures.
  const scaled = traced.scale !== 1 && wishes.scores !== 'labels';
  const kind = wishes.scores ?? (whole && !scaled ? 'labels' : traced.kind);
  if (whole && !scaled && kind !== 'labels') {
    return `expected scores of floating point, found that the output "${name}" is ${dtype}: whole numbers are labels (--scores labels)`;
  }
  const shape = type?.shape;
  const altered = traced.altered
    ? `, and ${traced.altered} changes the labels after it (they are taken as they come)`
    : '';
  const told = traced.kind && inTheGraph[traced.kind] && `${inTheGraph[traced.kind]}${altered}`;
  const labels = kind === 'labels' && traced.kind === 'labels' ? traced.classes : undefined;
  const scale = kind === 'labels' || kind === 'logits' ? 1 : traced.scale;
  const common = { value, name, kind, scale, told, labels };
  if (!shape) {
    const channels = kind === 'labels' ? 1 : traced.classes;
    return { ...common, layout: traced.layout ?? 'nchw', channels, pixels: undefined };
  }
  const maps = kind === 'labels' ? labelMaps(shape) : scoreMaps(shape, traced.layout, traced.classes, wishes);
  if (maps && kind === 'softmax' && maps.channels === 1 && (traced.classes ?? 1) > 1) {
    // One of several classes was cut out of a softmax: what is left is its probability.
    return { ...common, ...maps, kind: 'sigmoid' };
  }
  if (maps) return { ...common, ...maps };
  const expected =
    kind === 'labels' ? 'labels of 1×height×width' : 'scores of 1×classes×height×width or 1×height×width×classes';
  return `expected ${expected}, found that the output "${name}" is ${formatDimensions(shape)}`;
}

type Maps = Pick<Candidate, 'layout' | 'channels' | 'pixels'>;

/** One map, whatever dimensions of 1 stand around it. */
function labelMaps(shape: readonly Dimension[]): Maps | undefined {
  const [a, b, c, d] = shape;
  const [height, width] = shape.slice(-2);
  const maps = (layout: Layout, tall: Dimension, wide: Dimension): Maps => ({
    layout,
    channels: 1,
    pixels: pixelsOf(tall, wide),
  });
  if (shape.length === 2) return isMap(height, width) ? maps('nchw', height, width) : undefined;
  if (shape.length === 3) {
    if (allows(a, 1)) return maps('nchw', b, c);
    return allows(c, 1) ? maps('nhwc', a, b) : undefined;
  }
  if (shape.length !== 4 || !allows(a, 1)) return undefined;
  if (b !== 1 && d === 1) return maps('nhwc', b, c);
  return allows(b, 1) ? maps('nchw', c, d) : undefined;
}

function scoreMaps(
  shape: readonly Dimension[],
  traced: Layout | undefined,
  classes: number | undefined,
  wishes: OutputWishes,
): Maps | undefined {
  const [height, width] = shape.slice(-2);
  // Without a batch, or without channels: one map has lost its axis more often than a batch.
  if (shape.length === 2 || shape.length === 3) {
    if (!isMap(height, width)) return undefined;
    const channels = shape.length === 2 ? 1 : (fixedSize(shape[0]) ?? 1);
    return { layout: 'nchw', channels, pixels: pixelsOf(height, width) };
  }
  if (shape.length !== 4 || !allows(shape[0], 1)) return undefined;
  const layout = traced ?? scoreLayout(shape, wishes);
  const [, b, c, d] = shape;
  return layout === 'nchw'
    ? { layout, channels: fixedSize(b) ?? classes, pixels: pixelsOf(c, d) }
    : { layout, channels: fixedSize(d) ?? classes, pixels: pixelsOf(b, c) };
}

/** Where channels are in a shape of four: as many as names, or beside two sides in the input's proportions. */
function scoreLayout([, b, c, d]: readonly Dimension[], { names, size }: OutputWishes): Layout {
  const count = names?.length;
  if (count !== undefined && (b === count) !== (d === count)) return b === count ? 'nchw' : 'nhwc';
  const { height, width } = size;
  const inProportion = (tall: Dimension, wide: Dimension) =>
    height !== undefined &&
    width !== undefined &&
    typeof tall === 'number' &&
    typeof wide === 'number' &&
    Math.abs(tall / height - wide / width) * Math.max(height, width) < 1;
  return !inProportion(c, d) && inProportion(b, c) ? 'nhwc' : 'nchw';
}

/** Whether two dimensions can be those of a map: a row of one number a class is none. */
function isMap(height: Dimension, width: Dimension): boolean {
  return height !== 1 && width !== 1;
}

function pixelsOf(height: Dimension, width: Dimension): number | undefined {
  return typeof height === 'number' && typeof width === 'number' ? height * width : undefined;
}

function listOf(outputs: readonly ValueInfo[]): string {
  return outputs.map(({ name, type }) => `${name} ${type?.shape ? formatDimensions(type.shape) : '?'}`).join(', ');
}

function noSuchOutput(wanted: string, outputs: readonly ValueInfo[], source: string): UsageError {
  const near = suggest(
    wanted,
    outputs.map(({ name }) => name),
  );
  return new UsageError(
    `${source}: it has no output "${wanted}", but ${listOf(outputs)}${near ? `; did you mean ${near}?` : ''}`,
  );
}
