// Which operators stay float: ranked by what each alone costs, as few as the budget asks for.
import { decibels } from './trial.js';

/** What an operator in integers, alone, costs the scores. */
export interface OperatorCost {
  readonly name: string;
  /** Signal to noise in decibels: the lower, the dearer. */
  readonly signalToNoise: number;
}

export interface ChoiceOptions {
  /** Share of the pixels that must keep their class. */
  readonly budget: number;
  /** All operators that can run in integers. */
  readonly operators: readonly string[];
  /** Share of the pixels that keep their class when all but these run in integers. */
  agreement(left: ReadonlySet<string>): Promise<number>;
  /** Noise of the scores when only this one does. */
  noise(only: string): Promise<number>;
  readonly onProgress?:
    | ((progress: { stage: 'operators' | 'selection'; done: number; total: number }) => void)
    | undefined;
}

export interface Choice {
  readonly left: ReadonlySet<string>;
  readonly agreement: number;
  readonly ranking: readonly OperatorCost[];
}

/**
 * The dearest operators are left out until the budget holds: the smallest number of them that a search by halves finds.
 * Nothing is ranked where it holds with none left out.
 * @returns undefined where it does not hold even with only one operator in integers.
 */
export async function chooseLeft(options: ChoiceOptions): Promise<Choice | undefined> {
  const { budget, operators, agreement, noise, onProgress } = options;
  const all = await agreement(new Set());
  if (all >= budget) return { left: new Set(), agreement: all, ranking: [] };
  const costs: OperatorCost[] = [];
  for (const name of operators) {
    costs.push({ name, signalToNoise: decibels(await noise(name)) });
    onProgress?.({ stage: 'operators', done: costs.length, total: operators.length });
  }
  const ranking = costs.toSorted((a, b) => a.signalToNoise - b.signalToNoise);
  const dearest = (count: number) => new Set(ranking.slice(0, count).map(({ name }) => name));
  const steps = Math.ceil(Math.log2(operators.length));
  let best: { count: number; agreement: number } | undefined;
  let [low, high] = [1, operators.length - 1];
  for (let done = 1; low <= high; done++) {
    const count = (low + high) >> 1;
    const found = await agreement(dearest(count));
    onProgress?.({ stage: 'selection', done, total: Math.max(done, steps) });
    if (found >= budget) {
      best = { count, agreement: found };
      high = count - 1;
    } else {
      low = count + 1;
    }
  }
  return best && { left: dearest(best.count), agreement: best.agreement, ranking };
}
