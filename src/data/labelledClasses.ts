// Which classes the labels of a dataset hold, as far as it takes to know whether they can teach anything.
import type { Dataset } from './dataset.js';
import { createDecoder } from './decode.js';

/** What was found in the labels of a dataset. */
export interface LabelledClasses {
  /** Label maps that were read: all there are, unless two classes were found before. */
  readonly maps: number;
  /** The classes in them, at most two. */
  readonly classes: readonly number[];
}

/** Reads label maps in order until two classes are found: the first map has them, as a rule. */
export async function labelledClasses(dataset: Dataset): Promise<LabelledClasses> {
  const decoder = createDecoder({ get: () => undefined, put: () => {} });
  const found = new Set<number>();
  let maps = 0;
  for (let index = 0; index < dataset.count && found.size < 2; index++) {
    const { label } = dataset.sample(index);
    if (!label) continue;
    maps++;
    for (const id of (await decoder.labels(label)).data) {
      if (id < dataset.classes.classes.length) found.add(id);
      if (found.size > 1) break;
    }
  }
  return { maps, classes: [...found].sort((a, b) => a - b) };
}
