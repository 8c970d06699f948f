// Parts of datasets: a range of samples, and samples whose labels are not to be seen.
import { UsageError } from '../base/errors.js';
import type { Dataset } from './dataset.js';

/**
 * The samples from `first` up to before `end`, in the dataset's order. The frames of the others are no neighbours of
 * these, so that what is held back stays unseen.
 * @throws UsageError for a range that the dataset does not have.
 */
export function rangeOf(dataset: Dataset, first: number, end: number): Dataset {
  if (first >= end || end > dataset.count) {
    throw new UsageError(
      `${dataset.name}: expected a range of samples within 0 to ${dataset.count}, found ${first} to ${end}`,
    );
  }
  const keyAt = (index: number) => JSON.stringify(dataset.sample(index).frame);
  const held = new Set<string>();
  for (let index = 0; index < dataset.count; index++) if (index < first || index >= end) held.add(keyAt(index));
  return {
    ...dataset,
    name: `${dataset.name}, samples ${first} to ${end - 1}`,
    count: end - first,
    sample(index) {
      const sample = dataset.sample(first + index);
      return {
        ...sample,
        neighbour(offset) {
          const frame = sample.neighbour(offset);
          return frame && !held.has(JSON.stringify(frame)) ? frame : undefined;
        },
      };
    },
  };
}

/** The same frames, all unlabelled. */
export function withoutLabels(dataset: Dataset): Dataset {
  return { ...dataset, sample: (index) => ({ ...dataset.sample(index), label: undefined }) };
}
