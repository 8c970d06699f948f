// `steadyseg quantize MODEL --calibrate FRAMES -o OUT.onnx`: the same network in 8-bit integers.
import { Command, InvalidArgumentError, Option } from 'commander';
import { type LabelIds, labelIdKinds } from '../data/labelFiles.js';
import { checkSingleOutputs } from '../media/singleOutputs.js';
import type { QuantizeOptions } from '../quantize/quantize.js';
import { classesOf } from './classOptions.js';
import { cappedThreads, printResult, wholeNumber } from './options.js';
import { defaultTuning, describeQuantization, runQuantization } from './quantization.js';
import { addModelOptions, type ModelOptions, modelOptionsOf } from './segmentationOptions.js';

interface Options extends ModelOptions, Pick<QuantizeOptions, 'calibrate' | 'out' | 'frames' | 'budget' | 'anySpeed'> {
  weightBits?: string;
  labels?: string;
  labelIds: LabelIds;
  miouBudget?: number;
  tune?: true | number;
  seed?: number;
  json?: boolean;
  threads?: number;
  device: string;
}

export function command(): Command {
  const made = new Command('quantize')
    .description(
      'Make a network in 8-bit integers of a float one: faster, a quarter of the size, standard ONNX (QuantizeLinear and DequantizeLinear).',
    )
    .argument('<model>', 'segmentation network (.onnx)')
    .requiredOption(
      '-c, --calibrate <input>',
      'video, folder, "glob" or list file (.txt) of frames like those it is for',
    )
    .requiredOption('-o, --out <file>', 'the network in integers (.onnx)')
    .option(
      '--budget <share>',
      'of the pixels, how many must keep their class: what costs too much stays float (default: 0.99)',
      shareAboveZero,
    )
    .option(
      '--labels <dir>',
      'labels of some of the frames (folder or list), named like them: these are held back, and mIoU is measured on them',
    )
    .addOption(
      new Option('--label-ids <kind>', 'what the values of those labels mean').choices(labelIdKinds).default('auto'),
    )
    .option(
      '--miou-budget <points>',
      'with --labels: how many points of mIoU may be lost, in place of --budget',
      notNegative,
    )
    .option('--frames <n>', 'frames to calibrate by, at most, spread over the input (default: 32)', wholeNumber(1))
    .addOption(
      new Option(
        '--weight-bits <n>',
        'bits of the weights: 7 are exact on every processor, 8 need 8-bit dot products (default: 8 where this processor has them)',
      ).choices(['7', '8']),
    )
    .option(
      '--tune [steps]',
      'let the weights settle on their integers: updates towards what the float network says, without labels (default: 200 when given)',
      wholeNumber(1),
    )
    .option('--seed <n>', 'the order of frames in tuning follows from it (default: 1)', wholeNumber(0))
    .option('--any-speed', 'write it also where it is no faster on this machine: for another one');
  return addModelOptions(made)
    .option('--threads <n>', 'threads (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where the networks run: cpu, cuda, webgpu, …', 'cpu')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      `
Every third of the frames (or those with labels) is held back, and the result is judged on those; flicker, temporal kappa
and TC (masked) are measured along dense inverse search on the first 24 frames of the input. Where the budget cannot be held at a gain in
speed, nothing is written and the exit code is 1.

Example:
  steadyseg quantize network.onnx --calibrate drive.mp4 -o integers.onnx
  steadyseg predict drive.mp4 --model integers.onnx --out labels`,
    )
    .action(run);
}

async function run(model: string, options: Options): Promise<void> {
  const { calibrate, out, frames, anySpeed, weightBits, device, threads, budget, miouBudget, seed, tune } = options;
  await checkSingleOutputs([out], [model, calibrate, options.labels, options.classes]);
  const result = await runQuantization({
    ...modelOptionsOf(options),
    ...{ model, calibrate, out, frames, anySpeed, device, budget, seed },
    labels: options.labels === undefined ? undefined : { path: options.labels, ids: options.labelIds },
    mIoUBudget: miouBudget === undefined ? undefined : miouBudget / 100,
    tune: tune === true ? defaultTuning : tune,
    classes: await classesOf(options),
    threads: cappedThreads(threads),
    weightBits: weightBits === undefined ? undefined : weightBits === '7' ? 7 : 8,
  });
  printResult(options.json, result, () => describeQuantization(result));
}

function shareAboveZero(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value > 0 && value <= 1)) {
    throw new InvalidArgumentError(`expected a share above 0 and at most 1, found "${text}".`);
  }
  return value;
}

function notNegative(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value < 100)) {
    throw new InvalidArgumentError(`expected a number from 0 to below 100, found "${text}".`);
  }
  return value;
}
