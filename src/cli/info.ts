// `steadyseg info M`: what is in a model or weights file.
import { Command } from 'commander';
import { messageOf, SteadysegError, UsageError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { resizeModel } from '../nets/model.js';
import { importModel } from '../onnx/import.js';
import { readDescription } from '../onnx/metadata.js';
import type { Dimension, Model } from '../onnx/model.js';
import { readModelFile } from '../onnx/modelFile.js';
import { imageShapes, type ModelSummary, summarizeModel } from '../onnx/summary.js';
import { toText } from '../onnx/text.js';
import { summarizeTensors, type TensorSummary } from '../onnx/trainable.js';
import { describeNetwork } from '../segment/describeNetwork.js';
import { findNetwork } from '../segment/findNetwork.js';
import type { NetworkDescription } from '../segment/network.js';
import { elementCount, formatShape, type Shape } from '../tensor/tensor.js';
import { openWeights } from '../weights/openWeights.js';
import { summarizeWeights, type WeightsSummary } from '../weights/summary.js';
import { heightByWidth, printResult } from './options.js';

interface Options {
  readonly size?: { height: number; width: number };
  readonly text?: boolean;
  readonly weights?: boolean;
  readonly key?: string;
  readonly json?: boolean;
}

export function command(): Command {
  return new Command('info')
    .description('Shows what is in a model (.onnx) or weights file (.safetensors, .pth, .pth.tar, .ckpt).')
    .argument('<file>', 'the file')
    .option(
      '--size <HxW>',
      'input size in pixels at which to count the cost of an .onnx (default: its own)',
      heightByWidth,
    )
    .option('--key <name>', 'of a checkpoint with several state dicts, the one to show')
    .option('--weights', 'list the tensors of an .onnx: which train and adapt would change, which not, and why')
    .option('--text', 'print the whole graph of an .onnx, one line a value')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nOperations are those of convolutions and matrix products; one multiply–add is two.\n\nExample: steadyseg info model.onnx --size 512x1024',
    )
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  if (options.text && options.json) throw new UsageError('expected --text or --json, found both');
  if (path.toLowerCase().endsWith('.onnx')) await modelInfo(path, options);
  else await weightsInfo(path, options);
}

async function modelInfo(path: string, { size, text, weights, json }: Options): Promise<void> {
  const asRead = await readModelFile(path);
  // Networks of this library are rebuilt at the size; others are counted at it where they leave it open.
  const rebuilt = size !== undefined && readDescription(asRead.metadata, path).architecture !== undefined;
  const model = rebuilt ? resizeModel(asRead, size.height, size.width, path) : asRead;
  const shapes = size ? imageShapes(model, size, path) : {};
  if (text) {
    process.stdout.write(`${printable(dump(model, shapes, path))}\n`);
    return;
  }
  const summary = summarizeModel(model, shapes);
  const tensors = summarizeTensors(model);
  const segmentation = await segmentationOf(path, model);
  const result = {
    file: path,
    format: 'onnx',
    ...summary,
    trainable: trainableOf(tensors),
    segmentation,
    ...(weights && { weights: tensors }),
  };
  printResult(json, result, () =>
    [
      modelText(path, summary, tensors),
      ...segmentationText(segmentation),
      ...(weights ? ['', tensorsText(tensors)] : []),
    ].join('\n'),
  );
}

/** What training would change: tensors and their values. */
function trainableOf(tensors: readonly TensorSummary[]): { tensors: number; count: number } {
  const weights = tensors.filter(({ role, copyOf }) => role === 'weight' && copyOf === undefined);
  return { tensors: weights.length, count: weights.reduce((sum, { shape }) => sum + elementCount(shape), 0) };
}

/** The roles of all tensors but weights, with how many have each, and why. */
function fixedText(tensors: readonly TensorSummary[]): string {
  const reasons: Record<string, number> = {};
  for (const { role, reason } of tensors) {
    if (role === 'weight') continue;
    const key = role === 'statistic' ? 'running statistics' : reason;
    reasons[key] = (reasons[key] ?? 0) + 1;
  }
  return Object.keys(reasons).length === 0 ? '' : `; not: ${list(reasons, String)}`;
}

function tensorsText(tensors: readonly TensorSummary[]): string {
  const width = Math.max(...tensors.map(({ name }) => name.length), 0);
  return tensors
    .map(
      ({ name, dtype, shape, role, reason }) =>
        `${name.padEnd(width)}  ${dtype} ${formatShape(shape)}  ${role === 'weight' ? 'trains' : 'stays'}: ${reason}`,
    )
    .join('\n');
}

/** How `predict` takes a network: as found, or why it does not. */
type SegmentationInfo = Omit<NetworkDescription, 'source' | 'sizeMultiple'> | { readonly refused: string };

async function segmentationOf(path: string, model: Model): Promise<SegmentationInfo> {
  try {
    const { source: _, sizeMultiple: __, ...description } = describeNetwork({ ...(await findNetwork(path)), model });
    return description;
  } catch (thrown) {
    if (!(thrown instanceof SteadysegError)) throw thrown;
    return { refused: messageOf(thrown) };
  }
}

function segmentationText(info: SegmentationInfo): string[] {
  if ('refused' in info) return [row('predict', `takes it not as it is: ${info.refused}`)];
  const { input, output, height, width, preprocessing, classes, classCount, notes } = info;
  const { mean, std, channelOrder } = preprocessing;
  const rounded = (values: readonly number[]) => values.map((value) => Number(value.toFixed(3))).join(',');
  const names = classes.classes.slice(0, classCount).join(', ');
  const order = { nchw: 'channels first', nhwc: 'channels last' };
  return [
    row(
      'pixels',
      `${input.dtype} ${height ?? '?'}x${width ?? '?'} into "${input.name}", ${channelOrder}, ${order[input.layout]}, mean ${rounded(mean)}, std ${rounded(std)}`,
    ),
    row('scores', `${output.kind ?? 'told by their values'} from "${output.name}", ${order[output.layout]}`),
    row('classes', `${classCount ?? 'as many as scores'}: ${names}`),
    ...notes.map((note) => row('note', note)),
  ];
}

function dump(model: Model, inputShapes: Record<string, Shape>, path: string): string {
  try {
    return toText(importModel(model, { inputShapes }).graph);
  } catch (thrown) {
    if (!(thrown instanceof SteadysegError)) throw thrown;
    throw new SteadysegError(`${path}: ${thrown.message}`, { cause: thrown });
  }
}

async function weightsInfo(path: string, { size, text, weights, key, json }: Options): Promise<void> {
  if (size || text || weights) throw new UsageError(`--size, --text and --weights are for .onnx models, found ${path}`);
  const file = await openWeights(path, { key });
  try {
    const summary = summarizeWeights(file);
    printResult(json, { file: path, ...summary }, () => weightsText(path, summary));
  } finally {
    await file.close();
  }
}

function modelText(path: string, summary: ModelSummary, tensors: readonly TensorSummary[]): string {
  const { producer, opsets, inputs, outputs, operators, parameters, cost, costUnknown, metadata } = summary;
  const opset = Object.entries(opsets).map(([domain, version]) => `${domain} ${version}`);
  const value = ({ name, dtype, shape }: ModelSummary['inputs'][number]) =>
    `${name}  ${dtype} ${shape ? formatShape(shape.map(openDimension)) : 'of any shape'}`;
  const lines = [
    row('model', `${path}${producer ? `, made by ${producer}` : ''}`),
    row('opset', opset.join(', ')),
    ...inputs.map((input) => row('input', value(input))),
    ...outputs.map((output) => row('output', value(output))),
    row(
      'operators',
      list(operators, (count) => String(count)),
    ),
    row('parameters', `${grouped(parameters.count)} in ${parameters.tensors} tensors; ${byteText(parameters.bytes)}`),
  ];
  const trainable = trainableOf(tensors);
  lines.push(row('trains', `${grouped(trainable.count)} in ${trainable.tensors} weights${fixedText(tensors)}`));
  if (cost) {
    const { multiplyAdds, byOperator } = cost;
    const share = list(byOperator, (count) => `${((100 * count) / multiplyAdds).toFixed(1)} %`);
    lines.push(
      row('cost', `${scaled(2 * multiplyAdds)}FLOPs (${scaled(multiplyAdds).trim()} multiply–adds): ${share}`),
    );
  } else {
    lines.push(row('cost', `not counted: ${costUnknown}`));
  }
  return [...lines, ...metadataText(metadata)].join('\n');
}

function weightsText(path: string, summary: WeightsSummary): string {
  const { format, tensors, parameters, metadata, steppedOver, others } = summary;
  const width = Math.max(...tensors.map(({ name }) => name.length), 0);
  return [
    ...tensors.map(({ name, dtype, shape }) => `${name.padEnd(width)}  ${dtype} ${formatShape(shape)}`),
    '',
    row('weights', `${path}, ${format}`),
    row('parameters', `${grouped(parameters.count)} in ${tensors.length} tensors; ${byteText(parameters.bytes)}`),
    ...(steppedOver.length > 0 ? [row('objects', `${steppedOver.join(', ')}: stepped over`)] : []),
    ...(others.length > 0 ? [row('others', `${others.join(', ')}: --key shows them`)] : []),
    ...metadataText(metadata),
  ].join('\n');
}

function metadataText(metadata: Readonly<Record<string, string>>): string[] {
  return Object.entries(metadata).map(([key, text]) => row('metadata', `${key}: ${text.replace(/\s+/g, ' ')}`));
}

function row(title: string, text: string): string {
  return `${title.padEnd(11)} ${text}`;
}

function list(values: Readonly<Record<string, number>>, format: (value: number) => string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${format(value)}`)
    .join(', ');
}

function openDimension(dimension: Dimension): string | number {
  return dimension ?? '?';
}

/** 14431234 → `14 431 234`. */
function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

function byteText(bytes: Readonly<Record<string, number>>): string {
  return list(bytes, (count) => `${(count / 2 ** 20).toFixed(count < 2 ** 20 ? 3 : 1)} MiB`);
}

/** 12345678 → `12.35 M`, with the unit's letter ready for what is counted. */
function scaled(value: number): string {
  const steps: [number, string][] = [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  const [scale, letter] = steps.find(([step]) => value >= step) ?? [1, ''];
  return `${(value / scale).toPrecision(4)} ${letter}`;
}
