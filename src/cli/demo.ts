// `steadyseg demo`: a network, a video, and the same network steadier.
import { Command } from 'commander';
import { type DemoOptions, type DemoStage, demoFrames, demoSteps, runDemo } from '../demo/demo.js';
import { demoRows } from '../demo/report.js';
import { type DemoResult, demoSides } from '../demo/result.js';
import { formatNumber } from '../report/number.js';
import { formatDuration } from '../report/progress.js';
import { renderTable } from '../report/table.js';
import { classesOf } from './classOptions.js';
import { withProgress } from './interruptible.js';
import { printResult, wholeNumber } from './options.js';
import { addModelOptions, type ModelOptions, modelOptionsOf } from './segmentationOptions.js';

interface DemoCommandOptions extends ModelOptions, Pick<DemoOptions, 'out' | 'input' | 'model' | 'picture'> {
  steps?: number;
  limit?: number;
  flow?: string;
  overwrite?: boolean;
  threads?: number;
  device: string;
  json?: boolean;
}

/** What a stage is called, and what it counts. */
const stages: Record<DemoStage, readonly [title: string, unit: string]> = {
  render: ['render a street', 'frames'],
  frames: ['adapt the network: probabilities and flow', 'frames'],
  consensus: ['adapt the network: what neighbouring frames agree on', 'frames'],
  steps: ['adapt the network: train', 'steps'],
  renewal: ['adapt the network: what neighbouring frames agree on by now', 'frames'],
  refinement: ['adapt the network: train towards that', 'steps'],
  choice: ['adapt the network: how far to go', 'candidates'],
  judgement: ['adapt the network: judge', 'frames'],
  segment: ['segment, before and after', 'frames'],
  measure: ['measure', 'pairs'],
  compare: ['draw before | after', 'frames'],
};

export function command(): Command {
  const made = new Command('demo')
    .description('The main job in one go: a network, a video, the same network steadier, and both beside each other.')
    .option('-o, --out <dir>', 'where network, report, videos and figures go', 'steadyseg-demo')
    .option('--input <video>', 'your video or frames (default: a street of the toy city)')
    .option('-m, --model <file>', 'your network (.onnx) (default: the one that ships for such pictures)')
    .option('--picture <file>', 'also write the comparison as an animated picture (.webp) of at most 2 MB');
  return addModelOptions(made)
    .option('--steps <n>', `updates of the weights (default: ${demoSteps})`, wholeNumber(1))
    .option('--limit <n>', `frames of the input at most (default: ${demoFrames})`, wholeNumber(2))
    .option('--flow <source>', 'as for adapt, which learns along it; an input is measured along it too', 'dis')
    .option('--overwrite', 'replace files in the folder that no earlier run wrote')
    .option('--threads <n>', 'threads (default: one a core)', wholeNumber(1))
    .option('--device <name>', 'where the networks run: cpu, cuda, webgpu, …', 'cpu')
    .option('--json', 'print the figures as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Segments the video, adapts the network to it without labels, segments it again, and measures both. Writes adapted.onnx,
report.html, compare.mp4 (before | after), overlays, a flicker map and demo.json. Without --input the video is a street of
the toy city, whose exact labels and exact flow judge both.

Examples:
  steadyseg demo --out result
  steadyseg demo --input drive.mp4 --model network.onnx --out result`,
    )
    .action(run);
}

async function run(options: DemoCommandOptions): Promise<void> {
  const { out, input, model, picture, steps, limit, flow, overwrite, threads, device } = options;
  const result = await withProgress(
    { title: 'demo', ending: 'finishing what is under way' },
    async (progress, signal) => {
      const classes = await classesOf(options);
      let stage: DemoStage | undefined;
      return await runDemo({
        ...modelOptionsOf(options),
        ...{ out, input, model, picture, steps, limit, flow, overwrite, threads, device, classes, signal },
        onNote: (note) => progress.note(`note: ${note}`),
        onEstimate: ({ seconds, frames, steps: planned }) =>
          progress.note(`note: adapting takes about ${formatDuration(seconds)}: ${frames} frames, ${planned} steps`),
        onProgress(now, { done, total }) {
          if (now !== stage) {
            const [title, unit] = stages[now];
            progress.restart(unit);
            progress.note(title);
          }
          stage = now;
          progress.update({ done, total });
        },
      });
    },
  );
  printResult(options.json, result, () => describe(result));
}

function describe(result: DemoResult): string {
  const { labelsTc, agreement, adapted, seconds, files, frames, flow } = result;
  const rows = demoRows(result).map(({ name, format, values }) => [
    name,
    ...values.map((value) => formatNumber(value, format)),
  ]);
  const ceiling = labelsTc === undefined ? '' : ` The exact labels' own TC is ${formatNumber(labelsTc, 'percent')}.`;
  return [
    renderTable([{ name: '' }, ...demoSides.map((name) => ({ name }))], rows),
    '',
    adapted
      ? `${frames} frames along ${flow}.${ceiling} Where the network was sure, it says the same of ${formatNumber(agreement, 'percent')} of the pixels.`
      : `${frames} frames: nothing safe made the network steadier, so both sides are the same.`,
    `Done in ${formatDuration(seconds)}. Look at`,
    `  ${files.comparison}   before | after`,
    `  ${files.report}   figures, classes, pictures`,
    `  ${files.model}   the same network, steadier: use it in the original's place`,
    ...(files.picture === undefined ? [] : [`  ${files.picture}   before | after as a picture that moves`]),
  ].join('\n');
}
