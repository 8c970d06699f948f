// `steadyseg pseudo-label`: labels video or pictures by a network, where it is sure, for training on.
import { Command } from 'commander';
import { renderPseudoLabels } from '../report/pseudoLabelTable.js';
import { type PseudoLabelSummary, pseudoLabel } from '../segment/pseudoLabels/pseudoLabel.js';
import { type ExtraOutput, extraOutputs } from '../segment/pseudoLabels/report.js';
import { printResult, share } from './options.js';
import {
  addFramesOptions,
  addNetworkOptions,
  checkWhole,
  type FramesOptions,
  type NetworkOptions,
  namesOf,
  runNetwork,
} from './segmentationOptions.js';

interface PseudoLabelCommandOptions extends NetworkOptions, FramesOptions {
  out: string;
  threshold?: number;
  quantile?: number;
  save?: ExtraOutput[];
  json?: boolean;
}

export function command(): Command {
  const pseudoLabelCommand = new Command('pseudo-label')
    .description('Label a video or pictures by a network, where it is sure, and write a list to train on.')
    .argument(
      '<input>',
      'video, picture, folder, "glob", list file (.txt), address (http, https, rtsp), camera (/dev/video0), or - for standard input',
    )
    .requiredOption('-o, --out <folder>', 'where the results go')
    .option('--threshold <p>', 'labels of a probability below this, 0..1, become 255 (default: 0.9)', share)
    .option(
      '--quantile <share>',
      'instead: keep this share, 0..1, of the pixels of each class over the whole input, the surest ones',
      share,
    )
    .option(
      '--save <list>',
      `what to write besides the labels, of ${extraOutputs.join(',')} (default: nothing)`,
      namesOf(extraOutputs),
    );
  return addFramesOptions(addNetworkOptions(pseudoLabelCommand))
    .option('--json', 'print the content of pseudo-label.json, and the time it took, on stdout')
    .addHelpText(
      'after',
      `
Writes labels/STEM.png (train ids, 255 where unsure), of a video also its frames as frames/STEM.png, list.txt for
training (image, label and, where there is one, the next image), frames.jsonl (pixels of each class of each frame) and
pseudo-label.json (what was kept of each class). When asked for: color/STEM.png (unsure pixels black), and
confidence/STEM.png (255 is 1). With --quantile, frames wait in pending/ until all are segmented.

Shards share the folder; steadyseg merge then writes the list and the report, and with --quantile the label maps.

Example:
  steadyseg pseudo-label drive.mp4 --model network.onnx --preset cityscapes --scales 0.75,1,1.25 --flip --out pseudo
  steadyseg train config.yaml data.layout=list data.root=pseudo/list.txt data.classes=cityscapes`,
    )
    .action(run);
}

async function run(input: string, options: PseudoLabelCommandOptions): Promise<void> {
  const { out, threshold, quantile, save } = options;
  const { summary, terminated } = await runNetwork('pseudo-label', options, (model, common, progress) =>
    pseudoLabel(input, model, out, {
      ...common,
      threshold,
      quantile,
      save,
      onDeciding: ({ done }) => {
        if (done === 1) progress.note('all frames are segmented: choosing what is kept');
      },
    }),
  );
  printResult(options.json, summary, () => describe(summary, out));
  checkWhole(summary, 'pseudo-label.json', terminated);
}

function describe(summary: PseudoLabelSummary, out: string): string {
  const { shard, run: speed } = summary;
  const earlier = speed.resumed > 0 ? ` (${speed.resumed} frames from an earlier run)` : '';
  const result =
    shard.count > 1
      ? `when all shards are done: steadyseg merge ${out}/pseudo-label-*-of-${shard.count}.json`
      : `to train on: ${out}/list.txt`;
  return [
    renderPseudoLabels(summary),
    `${speed.seconds.toFixed(1)} s, ${speed.fps.toFixed(2)} frames/s${earlier}; ${result}`,
  ].join('\n');
}
