// Which operators stay float: ranked by what each alone costs, as few as the budget asks for.
import { decibels } from './trial.js';

/** What an operator in integers, alone, costs the scores. */
export interface OperatorCost {
  readonly name: string;
  /** Signal to noise in decibels: the lower, the dearer. */
  readonly signalToNoise: number;
}

export interface ChoiceOptions {
  /** How much must be kept. */
  readonly budget: number;
  /** All operators that can run in integers. */
  readonly operators: readonly string[];
  /** What is kept, 0 to 1, when all but these run in integers: the share of the pixels with the same class, or all but what mIoU loses. */
  kept(left: ReadonlySet<string>): Promise<number>;
  /** Noise of the scores when only this one does. */
  noise(only: string): Promise<number>;
  readonly onProgress?:
    | ((progress: { stage: 'operators' | 'selection'; done: number; total: number }) => void)
    | undefined;
}

export interface Choice {
  readonly left: ReadonlySet<string>;
  readonly ranking: readonly OperatorCost[];
}

/**
 * The dearest operators are left out until the budget holds: the smallest number of them that a search by halves finds.
 * Nothing is ranked where it holds with none left out.
 * @returns undefined where it does not hold even with only one operator in integers.
 */
export async function chooseLeft(options: ChoiceOptions): Promise<Choice | undefined> {
  const { budget, operators, kept, noise, onProgress } = options;
  if ((await kept(new Set())) >= budget) return { left: new Set(), ranking: [] };
  const costs: OperatorCost[] = [];
  for (const name of operators) {
    costs.push({ name, signalToNoise: decibels(await noise(name)) });
    onProgress?.({ stage: 'operators', done: costs.length, total: operators.length });
  }
  const ranking = costs.toSorted((a, b) => a.signalToNoise - b.signalToNoise);
  const dearest = (count: number) => new Set(ranking.slice(0, count).map(({ name }) => name));
  const steps = Math.ceil(Math.log2(operators.length));
  let best: number | undefined;
  let [low, high] = [1, operators.length - 1];
  for (let done = 1; low <= high; done++) {
    const count = (low + high) >> 1;
    const found = await kept(dearest(count));
    onProgress?.({ stage: 'selection', done, total: Math.max(done, steps) });
    if (found >= budget) {
      best = count;
      high = count - 1;
    } else {
      low = count + 1;
    }
  }
  return best === undefined ? undefined : { left: dearest(best), ranking };
}
