// `steadyseg quantize MODEL --calibrate FRAMES -o OUT.onnx`: the same network in 8-bit integers.
import { Command, InvalidArgumentError, Option } from 'commander';
import { printable } from '../base/printable.js';
import { type QuantizeOptions, type QuantizeProgress, type QuantizeResult, quantize } from '../quantize/quantize.js';
import { formatNumber } from '../report/number.js';
import { renderTable } from '../report/table.js';
import { classesOf } from './classOptions.js';
import { withProgress } from './interruptible.js';
import { cappedThreads, printResult, wholeNumber } from './options.js';
import { addModelOptions, type ModelOptions, modelOptionsOf } from './segmentationOptions.js';

interface Options extends ModelOptions, Pick<QuantizeOptions, 'calibrate' | 'out' | 'frames' | 'budget' | 'anySpeed'> {
  weightBits?: string;
  json?: boolean;
  threads?: number;
  device: string;
}

/** What is counted in each stage. */
const units: Record<QuantizeProgress['stage'], string> = {
  frames: 'frames',
  ranges: 'ways to choose ranges',
  operators: 'operators ranked',
  selection: 'choices',
  speed: 'measurements',
};

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
      budget,
    )
    .option('--frames <n>', 'frames to calibrate by, at most, spread over the input (default: 32)', wholeNumber(1))
    .addOption(
      new Option(
        '--weight-bits <n>',
        'bits of the weights: 7 are exact on every processor, 8 need 8-bit dot products (default: 8 where this processor has them)',
      ).choices(['7', '8']),
    )
    .option('--any-speed', 'write it also where it is no faster on this machine: for another one');
  return addModelOptions(made)
    .option('--threads <n>', 'threads (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where the networks run: cpu, cuda, webgpu, …', 'cpu')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Every third of the frames is held back, and the result is judged on those. Where the budget cannot be held at a gain in
speed, nothing is written and the exit code is 1.

Example:
  steadyseg quantize network.onnx --calibrate drive.mp4 -o integers.onnx
  steadyseg predict drive.mp4 --model integers.onnx --out labels`,
    )
    .action(run);
}

async function run(model: string, options: Options): Promise<void> {
  const { calibrate, out, frames, anySpeed, weightBits, device, threads } = options;
  let stage = '';
  const result = await withProgress(
    { title: 'quantize', ending: 'ending without a result' },
    async (progress, signal) =>
      quantize({
        ...modelOptionsOf(options),
        ...{ model, calibrate, out, frames, anySpeed, device, signal, budget: options.budget },
        classes: await classesOf(options),
        threads: cappedThreads(threads),
        weightBits: weightBits === undefined ? undefined : weightBits === '7' ? 7 : 8,
        onNote: (note) => progress.note(`note: ${note}`),
        onProgress({ stage: now, done, total }) {
          if (now !== stage) progress.restart(units[now]);
          stage = now;
          progress.update({ done, total });
        },
      }),
  );
  for (const name of result.refused)
    process.stderr.write(printable(`note: ${name} runs in float: the engine has no integer form of it here\n`));
  printResult(options.json, result, () => describe(result));
}

function describe(result: QuantizeResult): string {
  const { milliseconds, size, agreement, integerShare, signalToNoise, left, ranking, model } = result;
  const share = (value: number | null) => formatNumber(value ?? undefined, 'percent');
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  const table = renderTable(
    [{ name: '' }, { name: 'before' }, { name: 'after' }],
    [
      ['time of a frame', `${milliseconds.before.toFixed(1)} ms`, `${milliseconds.after.toFixed(1)} ms`],
      ['speed', '1', `${result.speed.toFixed(2)} times`],
      ['size', megabytes(size.before), megabytes(size.after)],
      ['pixels of the same class', '', share(agreement)],
      ['signal to noise of the scores', '', signalToNoise === null ? '–' : `${signalToNoise.toFixed(1)} dB`],
      ['multiply–adds in integers', '', share(integerShare)],
    ],
  );
  const dearest = ranking
    .slice(0, Math.max(10, left.length))
    .map(({ name, signalToNoise: decibels }) => [
      name,
      `${decibels.toFixed(1)} dB`,
      left.includes(name) ? 'float' : 'integers',
    ]);
  const costs =
    ranking.length === 0
      ? ''
      : `\n\n${renderTable([{ name: 'operators, the dearest first' }, { name: 'alone' }, { name: 'runs in' }], dearest)}`;
  return `${table}${costs}\n\n${model}: weights of ${result.weightBits} bits, ranges by ${result.ranges}, ${left.length === 0 ? 'no operator' : `${left.length} operators`} left in float for the budget`;
}

function budget(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value > 0 && value <= 1)) {
    throw new InvalidArgumentError(`expected a share above 0 and at most 1, found "${text}".`);
  }
  return value;
}
