// Quantises with progress on the terminal, and tells of the result: what `quantize` and `adapt --int8` have in common.
import { printable } from '../base/printable.js';
import { type QuantizeOptions, type QuantizeProgress, type QuantizeResult, quantize } from '../quantize/quantize.js';
import type { SteadinessOfBoth } from '../quantize/steadiness.js';
import { formatNumber } from '../report/number.js';
import { renderTable } from '../report/table.js';
import { withProgress } from './interruptible.js';

/** Updates where only tuning is asked for. */
export const defaultTuning = 200;

/** What is counted in each stage. */
const units: Record<QuantizeProgress['stage'], string> = {
  frames: 'frames',
  ranges: 'ways to choose ranges',
  steps: 'steps',
  operators: 'operators ranked',
  selection: 'choices',
  speed: 'measurements',
  steadiness: 'frames compared with the next',
};

export async function runQuantization(options: QuantizeOptions): Promise<QuantizeResult> {
  let stage = '';
  const result = await withProgress({ title: 'quantize', ending: 'ending without a result' }, (progress, signal) =>
    quantize({
      ...options,
      signal,
      onNote: (note) => progress.note(`note: ${note}`),
      onProgress({ stage: now, done, total }) {
        if (now !== stage) progress.restart(units[now]);
        stage = now;
        progress.update({ done, total });
      },
    }),
  );
  for (const name of result.refused) {
    process.stderr.write(printable(`note: ${name} runs in float: the engine has no integer form of it here\n`));
  }
  return result;
}

/** A table of before and after, and what the operators cost where they were ranked. */
export function describeQuantization(result: QuantizeResult): string {
  const { milliseconds, size, agreement, mIoU, steadiness, integerShare, signalToNoise, left, ranking, model } = result;
  const share = (value: number | null) => formatNumber(value ?? undefined, 'percent');
  const both = (name: string, before: number, after: number) => [name, share(before), share(after)];
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  const table = renderTable(
    [{ name: '' }, { name: 'before' }, { name: 'after' }],
    [
      ['time of a frame', `${milliseconds.before.toFixed(1)} ms`, `${milliseconds.after.toFixed(1)} ms`],
      ['speed', '1', `${result.speed.toFixed(2)} times`],
      ['size', megabytes(size.before), megabytes(size.after)],
      ['pixels of the same class', '', share(agreement)],
      ...(mIoU ? [both('mIoU', mIoU.before, mIoU.after)] : []),
      ...(steadiness ? steadinessRows(steadiness) : []),
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

function steadinessRows({ before, after }: SteadinessOfBoth): string[][] {
  const percent = (value: number) => formatNumber(value, 'percent');
  return [
    ['flicker', percent(before.flicker), percent(after.flicker)],
    ['temporal kappa', before.kappa.toFixed(3), after.kappa.toFixed(3)],
    ['TC', percent(before.tc), percent(after.tc)],
  ];
}
