// Sizes and offsets as files state them.

/** Most dimensions of one tensor: PyTorch's own limit. */
export const MAX_RANK = 64;

/** A list of at most `MAX_RANK` whole numbers from 0 on; undefined for anything else. */
export function wholeNumbers(value: unknown): number[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_RANK) return undefined;
  const numbers: number[] = [];
  for (const item of value) {
    if (typeof item !== 'number' || !Number.isSafeInteger(item) || item < 0) return undefined;
    numbers.push(item);
  }
  return numbers;
}
