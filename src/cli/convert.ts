// `steadyseg convert IN OUT`: weights and models between formats.
import { Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { type ClassSet, presetClasses, presetNames } from '../media/classes.js';
import { readClassesFile } from '../media/classesFile.js';
import type { ConvertOptions } from '../nets/convertFile.js';
import { flowNetworkName } from '../nets/networkWeights.js';
import { architectureNames } from '../nets/registry.js';
import type { ModelDescription } from '../onnx/metadata.js';
import { convert } from '../train/convert.js';
import { heightByWidth, printResult } from './options.js';

interface Options extends Pick<ConvertOptions, 'size' | 'widthMultiplier'> {
  readonly arch?: string;
  readonly key?: string;
  readonly classes?: string;
  readonly preset?: string;
  readonly half?: boolean;
  readonly bytes?: boolean;
  readonly auxiliary?: boolean;
  readonly json?: boolean;
}

/** Weights of 19 classes whose names nobody gives are taken for Cityscapes', for which most are trained. */
const usualPreset = 'cityscapes';

export function command(): Command {
  return new Command('convert')
    .description('Converts weights and models: .pth, .pth.tar, .safetensors and .onnx, each into each; and from .ckpt.')
    .argument(
      '<in>',
      'the file to read; of a PyTorch checkpoint, its state dict without the prefixes module. and student. A run folder of train, a checkpoint of one, or weights with config.json or config.yaml beside them: network, classes and size are known',
    )
    .argument('<out>', 'the file to write; its ending says the format')
    .option(
      '--arch <name>',
      `network of the weights, for an .onnx: ${architectureNames.join(', ')}, ${flowNetworkName}`,
    )
    .option('--key <name>', 'of a checkpoint with several state dicts, the one to take, such as state_dict_ema')
    .option(
      '--size <HxW>',
      "input size of the .onnx in pixels (default: the input's, when that is an .onnx)",
      heightByWidth,
    )
    .option('--classes <n|file>', 'number of classes to check, or a JSON or YAML file of names and colours')
    .option(
      '--preset <name>',
      `class names and colours: ${presetNames.join(', ')} (default: ${usualPreset} with --classes 19)`,
    )
    .option('--width-multiplier <factor>', "factor on the network's channel numbers (default: 1)", factor)
    .option(
      '--bytes',
      'store the convolutions of an .onnx as int8 with a scale a channel; networks still compute in float32',
    )
    .option('--half', 'store tensors of two or more dimensions as float16; networks still compute in float32')
    .option(
      '--auxiliary',
      'keep the weights of the heads that only training uses in an .onnx; onnxruntime warns of them',
    )
    .option('--no-auxiliary', 'leave all that nothing runs out of an .onnx (default for networks of ours)')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  steadyseg convert eval_para.pth model.onnx --arch pspnet18 --classes 19 --size 1024x2048\n  steadyseg convert model.onnx small.onnx --size 512x1024 --half\n  steadyseg convert model.onnx weights.safetensors\n  steadyseg convert runs/motion best.onnx',
    )
    .action(run);
}

async function run(input: string, output: string, options: Options): Promise<void> {
  const { arch, key, size, widthMultiplier, half, bytes, auxiliary, json } = options;
  if (half && bytes) throw new UsageError('expected --half or --bytes, found both');
  const { classCount, classes } = await chooseClasses(options);
  const named =
    classes ?? (classCount === presetClasses(usualPreset).classes.length ? presetClasses(usualPreset) : undefined);
  const description: ModelDescription = {
    ...(named && {
      classes: [...named.classes],
      palette: named.palette.map(([red, green, blue]) => [red, green, blue]),
      ignoreLabel: named.ignoreLabel,
    }),
  };
  const report = await convert(input, output, {
    architecture: arch,
    key,
    size,
    widthMultiplier,
    storage: bytes ? 'int8' : half ? 'float16' : undefined,
    classCount,
    keepAuxiliary: auxiliary,
    description: Object.keys(description).length > 0 ? description : undefined,
  });
  if (report.run) {
    const { weights, config, step } = report.run;
    const at = step === null ? '' : ` of step ${step}`;
    process.stderr.write(printable(`took ${weights}${at}, the network and its classes as ${config} says\n`));
  }
  for (const note of report.notes) process.stderr.write(printable(`note: ${note}\n`));
  if (report.dropped.length > 0) {
    process.stderr.write(
      printable(`left out ${report.dropped.length} tensors beside the network, such as ${report.dropped[0]}\n`),
    );
  }
  if (report.steppedOver.length > 0) {
    process.stderr.write(
      printable(`stepped over objects that are no weights, without making them: ${report.steppedOver.join(', ')}\n`),
    );
  }
  if (report.others.length > 0) {
    process.stderr.write(printable(`note: other weights are under ${report.others.join(', ')}: --key takes them\n`));
  }
  printResult(json, { in: input, out: output, ...report, classes: named?.name ?? null }, () => {
    const network = report.architecture === null ? '' : `, ${report.architecture}`;
    const names = report.format === 'onnx' && named ? `, classes of ${named.name}` : '';
    return `${output}: ${report.format}${network}, ${report.tensors} tensors${names}`;
  });
}

async function chooseClasses({
  classes,
  preset,
}: Options): Promise<{ classCount?: number | undefined; classes?: ClassSet | undefined }> {
  const count = classes !== undefined && /^\d+$/.test(classes) ? Number(classes) : undefined;
  if (preset !== undefined) {
    if (classes !== undefined && count === undefined)
      throw new UsageError('expected --classes FILE or --preset, found both');
    return { classCount: count, classes: presetClasses(preset) };
  }
  if (classes === undefined || count !== undefined) return { classCount: count };
  return { classes: await readClassesFile(classes) };
}

function factor(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 16)) throw new InvalidArgumentError(`expected a factor above 0, found "${text}".`);
  return value;
}
