// What the ranks of a run do together besides sums within a step: one start, one update, the same weights on all of them.
import { createHash } from 'node:crypto';
import { SteadysegError } from '../base/errors.js';
import type { Collective } from '../collective/collective.js';
import { sumInHalves } from '../collective/halves.js';
import type { TrainingConfig } from './config.js';
import type { StepGradients, TrainingState } from './state.js';
import type { TrainingStep } from './step.js';

/**
 * Replaces losses, gradients and running statistics by their means over the ranks; `counts` are added up.
 * @param compress `half` sends the gradients in half precision.
 */
export async function averageOverRanks(
  { losses, gradients }: StepGradients,
  { statistics }: Pick<TrainingStep, 'statistics'>,
  { parameters }: Pick<TrainingState, 'parameters'>,
  counts: readonly number[],
  collective: Collective,
  compress?: TrainingConfig['compress'],
): Promise<StepGradients & { readonly counts: readonly number[] }> {
  if (collective.size === 1) return { losses, gradients, counts };
  // A layer that normalises two frames stands there twice.
  const names = new Set(statistics.flatMap(({ runningMean, runningVariance }) => [runningMean, runningVariance]));
  const running = [...parameters].flatMap(([name, { data }]) => (names.has(name) ? [data] : []));
  const own = [...gradients.values()];
  const exact = compress === 'half' ? running : [...running, ...own];
  const flat = flattened([Float32Array.from(counts), Float32Array.from(Object.values(losses)), ...exact]);
  await collective.sum(flat.all);
  const [countSums, lossSums, ...exactSums] = flat.parts;
  const gradientSums = compress === 'half' ? await sumInHalves(own, collective) : exactSums.slice(running.length);
  const runningSums = exactSums.slice(0, running.length);
  for (const part of [lossSums, ...runningSums, ...gradientSums])
    for (let i = 0; i < part.length; i++) part[i] /= collective.size;
  running.forEach((data, k) => void data.set(runningSums[k]));
  return {
    losses: Object.fromEntries(Object.keys(losses).map((name, k) => [name, lossSums[k]])),
    gradients: new Map([...gradients.keys()].map((name, k) => [name, gradientSums[k]])),
    counts: [...countSums],
  };
}

/** Gives all ranks the state of rank 0, which may have read it from a checkpoint. */
export async function shareState(state: TrainingState, collective: Collective): Promise<void> {
  if (collective.size === 1) return;
  const { step, lossScale } = state;
  const [first] = await collective.gather(JSON.stringify({ step, lossScale }));
  const counters = JSON.parse(first) as Pick<TrainingState, 'step' | 'lossScale'>;
  state.step = counters.step;
  if (lossScale) Object.assign(lossScale, counters.lossScale);
  const contents = contentsOf(state);
  const flat = flattened(contents);
  await collective.share(flat.all);
  contents.forEach((content, k) => void content.set(flat.parts[k]));
}

/** @throws SteadysegError when the ranks do not hold the same weights, bit for bit. */
export async function checkSameState(state: TrainingState, collective: Collective): Promise<void> {
  if (collective.size === 1) return;
  const hash = createHash('sha256').update(JSON.stringify([state.step, state.lossScale]));
  for (const content of contentsOf(state)) hash.update(content);
  const digests = await collective.gather(hash.digest('hex'));
  const other = digests.findIndex((digest) => digest !== digests[0]);
  if (other < 0) return;
  throw new SteadysegError(
    `step ${state.step}: expected the same weights on all ranks, found others on ${collective.describe(other)} than on ${collective.describe(0)}: no checkpoint was written; are all machines of one kind, with the same version of Node?`,
  );
}

/** Weights, running statistics and what the optimiser remembers, over the state's memory. */
function contentsOf({ parameters, slots }: TrainingState): Float32Array<ArrayBufferLike>[] {
  return [
    ...[...parameters.values()].map(({ data }) => data),
    ...[...slots.values()].flatMap((contents) => [...contents.values()]),
  ];
}

/** Arrays one after the other in new memory, and each one's place there. */
function flattened(contents: readonly Float32Array[]) {
  const all = new Float32Array(contents.reduce((length, content) => length + content.length, 0));
  let at = 0;
  const parts = contents.map((content) => {
    const part = all.subarray(at, at + content.length);
    part.set(content);
    at += content.length;
    return part;
  });
  return { all, parts };
}
