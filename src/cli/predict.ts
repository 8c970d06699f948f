// `steadyseg predict`: segments a video or pictures into a folder.
import { Command } from 'commander';
import { type OutputKind, outputKinds, type PredictSummary, predict } from '../segment/predict.js';
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

interface PredictCommandOptions extends NetworkOptions, FramesOptions {
  out: string;
  save?: OutputKind[];
  threshold?: number;
  json?: boolean;
}

export function command(): Command {
  const predictCommand = new Command('predict')
    .description(
      'Segment a video, a picture, a folder, a glob or a list file into label maps, colour maps and an overlay.',
    )
    .argument(
      '<input>',
      'video, picture, folder, "glob", list file (.txt), address (http, https, rtsp), camera (/dev/video0), or - for standard input',
    )
    .requiredOption('-o, --out <folder>', 'where the results go')
    .option(
      '--save <list>',
      `what to write, of ${outputKinds.join(',')} (default: labels,color; for a video also overlay)`,
      namesOf(outputKinds),
    )
    .option(
      '--threshold <p>',
      'of a network of one map, or of classes that stand each alone: the probability above which a pixel is no background (default: 0.5)',
      share,
    );
  return addFramesOptions(addNetworkOptions(predictCommand))
    .option('--json', 'print the content of predict.json on stdout')
    .addHelpText(
      'after',
      `
Writes labels/STEM.png (train ids), color/STEM.png (palette), overlay.mp4 for a video (overlay/STEM.jpg for pictures
when asked for), confidence/STEM.png (255 is 1), and predict.json (frames, frames per second, time of each stage).

Ctrl-C finishes the frames under way and closes the overlay video with them; --resume goes on from there.

Examples:
  steadyseg predict drive.mp4 --out result
  steadyseg predict drive.mp4 --model network.onnx --preset cityscapes --out result`,
    )
    .action(run);
}

async function run(input: string, options: PredictCommandOptions): Promise<void> {
  const summary = await runNetwork(
    'predict',
    options,
    (model, common) => predict(input, model, options.out, { ...common, save: options.save }),
    options.threshold,
  );
  printResult(options.json, summary, () => describe(summary, options.out));
  checkWhole(summary, 'predict.json');
}

function describe({ frames, resumed, fps, seconds, stages, save }: PredictSummary, out: string): string {
  const earlier = resumed > 0 ? ` (${resumed} from an earlier run)` : '';
  const perStage = Object.entries(stages).map(([stage, milliseconds]) => `${stage} ${milliseconds.toFixed(1)}`);
  return [
    `${frames} ${frames === 1 ? 'frame' : 'frames'}${earlier} in ${seconds.toFixed(1)} s, ${fps.toFixed(2)} frames/s: ${save.join(', ')} in ${out}`,
    `milliseconds a frame: ${perStage.join(', ')}`,
  ].join('\n');
}
