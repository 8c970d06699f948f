// `steadyseg demo`: everything at once on what ships.
import { Command } from 'commander';
import { demoNetworks } from '../demo/clips.js';
import { type DemoStage, runDemo } from '../demo/demo.js';
import type { DemoResult } from '../demo/result.js';
import { createProgressLine, type ProgressLine } from '../report/progress.js';
import { renderTable } from '../report/table.js';
import { printResult, wholeNumber } from './options.js';

interface DemoCommandOptions {
  out: string;
  plain?: string;
  steady?: string;
  picture?: string;
  overwrite?: boolean;
  threads?: number;
  json?: boolean;
}

const titles: Record<DemoStage, string> = {
  measure: 'render, segment and measure',
  render: 'render the clip of the videos',
  segment: 'segment it with both networks',
  compare: 'draw the comparison',
};

export function command(): Command {
  return new Command('demo')
    .description('Everything at once on what ships: render streets, segment them with two networks, measure, compare.')
    .option('-o, --out <dir>', 'where report, videos and figures go', 'steadyseg-demo')
    .option('--plain <file>', 'network for the toy city trained on each frame alone (default: the one that ships)')
    .option('--steady <file>', 'network for the toy city trained for steadiness (default: the one that ships)')
    .option('--picture <file>', 'also write the comparison as an animated picture (.webp) of at most 2 MB')
    .option('--overwrite', 'replace files in the folder that no earlier run wrote')
    .option('--threads <n>', 'threads of the networks (default: one a core)', wholeNumber(1))
    .option('--json', 'print the figures as one JSON object on stdout')
    .addHelpText(
      'after',
      `
Renders clips of the toy city from seeds that no training set holds, segments them with a network trained on each frame
alone and with one trained with motion and distillation, and measures mIoU and temporal consistency against exact labels
along exact flow. Writes report.html, compare.mp4 (split along the diagonal), overlays, a flicker map and demo.json.

Example:
  steadyseg demo --out result`,
    )
    .action(run);
}

async function run(options: DemoCommandOptions): Promise<void> {
  let line: { stage: DemoStage; progress: ProgressLine } | undefined;
  let result: DemoResult;
  try {
    result = await runDemo({
      ...options,
      onProgress(stage, progress) {
        if (line?.stage !== stage) {
          line?.progress.done();
          line = { stage, progress: createProgressLine({ title: titles[stage] }) };
        }
        line.progress.update(progress);
      },
    });
  } finally {
    line?.progress.done();
  }
  printResult(options.json, result, () => describe(result));
}

function describe({ measurement, flicker, seconds, files }: DemoResult): string {
  const { networks, clips, labelsTc } = measurement;
  const column = (name: string) => ({ name, decimals: 2 });
  const rows = networks.map(({ mIoU, tc }, k) => [demoNetworks[k], 100 * mIoU, 100 * tc, 100 * flicker[k]]);
  const table = renderTable(
    [{ name: 'network' }, column('mIoU %'), column('TC %'), column('labels changing %')],
    rows,
    [['exact labels', 100, 100 * labelsTc, undefined]],
  );
  return [
    table,
    '',
    `mIoU and TC: means over ${clips.length} held clips of the toy city, exact labels and flow; labels changing: of the videos, motion included.`,
    `Done in ${seconds.toFixed(0)} s. Look at`,
    `  ${files.report}   figures, classes, pictures`,
    `  ${files.comparison}   both networks in one video, split along the diagonal`,
    `  ${files.overlays[1]}   the steady network over the street`,
    ...(files.picture === undefined ? [] : [`  ${files.picture}   the comparison as a picture that moves`]),
  ].join('\n');
}
