// `steadyseg toycity`: renders the synthetic street dataset.
import { Command } from 'commander';
import { createProgressLine } from '../report/progress.js';
import { writeToyCity } from '../toycity/write.js';
import { heightByWidth, printResult, share, wholeNumber } from './options.js';

interface Options {
  out: string;
  clips: number;
  valClips?: number;
  frames: number;
  size?: { height: number; width: number };
  seed: number;
  motionBlur: number;
  flow: boolean;
  threads?: number;
  overwrite?: boolean;
  json?: boolean;
}

export function command(): Command {
  return new Command('toycity')
    .description('Render a synthetic street dataset with exact labels, flow and occlusion for every frame.')
    .requiredOption('--out <dir>', 'folder of the dataset, in the Cityscapes layout')
    .option('--clips <n>', 'clips in all', wholeNumber(1), 10)
    .option(
      '--val-clips <n>',
      'how many of them are held in the split "val" (default: a fifth, rounded down)',
      wholeNumber(0),
    )
    .option('--frames <n>', 'frames a clip', wholeNumber(1), 30)
    .option('--size <HxW>', 'height and width of the frames in pixels (default: 256x512)', heightByWidth)
    .option('--seed <s>', 'everything follows from it', wholeNumber(0), 0)
    .option('--motion-blur <share>', 'share of the time of a frame that the shutter is open, 0 to 1', share, 0)
    .option('--no-flow', 'write neither flow nor occlusion')
    .option('--threads <n>', 'clips rendered at the same time (default: one a core)', wholeNumber(1))
    .option('--overwrite', 'replace files in the folder that are not those of this toy city')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText('after', '\nExample:\n  steadyseg toycity --out toy --clips 25 --frames 30 --size 256x512 --seed 1')
    .action(async (options: Options) => {
      const { size = { height: 256, width: 512 }, json, out, clips } = options;
      const progress = createProgressLine({ title: 'toycity' });
      const started = performance.now();
      const result = await writeToyCity({
        ...options,
        ...size,
        valClips: options.valClips ?? Math.floor(clips / 5),
        onProgress: progress.update,
      }).finally(progress.done);
      const seconds = (performance.now() - started) / 1000;
      const { frames, renderMilliseconds, writeMilliseconds, manifest } = result;
      const framesPerSecond = frames / seconds;
      printResult(
        json,
        { out, clips, frames, seconds, framesPerSecond, renderMilliseconds, writeMilliseconds, seed: manifest.seed },
        () =>
          `${out}: ${clips} clips of ${manifest.framesPerClip} frames in ${seconds.toFixed(1)} s (${framesPerSecond.toFixed(1)} frames/s; ` +
          `a frame takes a worker ${renderMilliseconds.toFixed(0)} ms to render and ${writeMilliseconds.toFixed(0)} ms to write)`,
      );
    });
}
