// `steadyseg flow`: optical flow of a video or folder as .flo files and colour pictures.
import { Command, Option } from 'commander';
import { SteadysegError } from '../base/errors.js';
import { computeFlow } from '../flow/compute.js';
import { valueRanges } from '../flow/network.js';
import { openFlowSource } from '../flow/open.js';
import { openFrames } from '../media/frames.js';
import { createProgressLine } from '../report/progress.js';
import { cappedThreads, positive, printResult, wholeNumber } from './options.js';
import { addShardOptions, noteEmptyShard, type ShardOptions, shardOf } from './shardOptions.js';

interface FlowCommandOptions extends ShardOptions {
  out: string;
  method: string;
  backward?: boolean;
  color?: boolean;
  maxRadius?: number;
  resume?: boolean;
  overwrite?: boolean;
  limit?: number;
  keepGoing?: boolean;
  threads?: number;
  device?: string;
  valueRange?: keyof typeof valueRanges;
  channelOrder?: 'rgb' | 'bgr';
  sizeMultiple?: number;
  json?: boolean;
}

export function command(): Command {
  const flowCommand = new Command('flow')
    .description('Optical flow between the frames of a video or folder, as Middlebury .flo files.')
    .argument('<frames>', 'a video, a folder of pictures, a glob, or a list file')
    .requiredOption('--out <dir>', 'folder for <stem of t>.flo (t → t+1)')
    .option(
      '--method <method>',
      'farneback, dis (also dis-ultrafast, dis-fast, dis-medium), a two-image network (.onnx), or a folder of .flo or KITTI files',
      'farneback',
    )
    .option('--backward', 'also t+1 → t, as backward/<stem of t>.flo')
    .option('--color', 'also pictures in the Middlebury colours, as color/<stem of t>.png')
    .option('--max-radius <pixels>', 'length that is fully saturated in them (default: the longest of each)', positive)
    .option('--resume', 'go on where an earlier run with the same options and pictures ended')
    .option('--overwrite', 'replace files in the folder that no earlier run wrote')
    .option('--limit <n>', 'at most n pairs (default: all)', wholeNumber(1));
  return addShardOptions(flowCommand)
    .option('--keep-going', 'go on after a frame or pair that fails; the exit code is 1 then')
    .option('--threads <n>', 'threads (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where a network runs: cpu, cuda, webgpu, … (default: cpu)')
    .addOption(
      new Option('--value-range <range>', 'colour values a network expects (default: 0..255)').choices(
        Object.keys(valueRanges),
      ),
    )
    .addOption(
      new Option('--channel-order <order>', 'colour channels a network expects (default: rgb)').choices(['rgb', 'bgr']),
    )
    .option(
      '--size-multiple <pixels>',
      'a network of open size gets frames enlarged to multiples of this (default: 64)',
      wholeNumber(1),
    )
    .option('--json', 'print one JSON object on stdout: flow, pairs, written, skipped, failed, seconds')
    .addHelpText(
      'after',
      `
Examples:
  steadyseg flow drive.mp4 --out flow --backward --color
  steadyseg flow frames/ --method raft.onnx --out flow --backward
  steadyseg evaluate tc --frames frames/ --pred labels/ --preset cityscapes --flow flow`,
    )
    .action(run);
}

async function run(input: string, options: FlowCommandOptions): Promise<void> {
  const { out, method, json, keepGoing, threads, device, valueRange, channelOrder, sizeMultiple, ...rest } = options;
  const shard = shardOf(options);
  const progress = createProgressLine({ title: 'flow', unit: 'pairs' });
  const frames = await openFrames(input, { onNote: (note) => progress.note(`note: ${note}`) });
  const source = await openFlowSource(method, {
    // The output folder is what `evaluate --flow` takes; a second copy in the cache would only take space.
    cache: false,
    threads: cappedThreads(threads),
    device,
    valueRange,
    channelOrder,
    sizeMultiple,
  });
  try {
    const result = await computeFlow({
      ...rest,
      frames,
      source,
      out,
      shard,
      onFailure: keepGoing ? (_, error) => progress.note(`steadyseg: ${error.message}`) : undefined,
      onProgress: progress.update,
    }).finally(progress.done);
    if (shard.index >= frames.clips.length) noteEmptyShard(shard);
    printResult(json, result, () => {
      const { pairs, written, skipped, failed, seconds } = result;
      const there = skipped > 0 ? `, ${skipped} were there already` : '';
      const lost = failed > 0 ? `, ${failed} failed` : '';
      return `${pairs} pairs: ${written} flow fields written to ${out}${there}${lost} (${seconds.toFixed(1)} s)\n${result.flow}`;
    });
    if (result.failed > 0) throw new SteadysegError(`${result.failed} frames or pairs failed; the others are written`);
  } finally {
    await source.close();
  }
}
