// Which neighbouring frame a training sample is compared with.
import type { Random } from '../tensor/random.js';

/**
 * Draws the neighbour's offset: ±k, k uniform in 1..gap, both signs alike (SPEC §4).
 * At a clip's end, where t + offset does not exist, the offset is mirrored to the other side; when that does not exist
 * either, k falls by one until one of the two does. Two random numbers are used whatever comes of it.
 * @param exists whether the clip has frame t + offset
 * @returns the offset, or undefined when the frame has no neighbour within the gap
 */
export function drawNeighbour(random: Random, gap: number, exists: (offset: number) => boolean): number | undefined {
  const distance = 1 + random.integer(gap);
  const sign = random.uniform() < 0.5 ? -1 : 1;
  for (let k = distance; k >= 1; k--) {
    for (const offset of [sign * k, -sign * k]) if (exists(offset)) return offset;
  }
  return undefined;
}

/**
 * Draws the frames before and after: -k and k, k uniform in 1..gap. Where one of them does not exist, it becomes the
 * other, mirrored; when neither does, k falls by one. Uses one random number.
 * @returns `[before, after]`, or undefined when the frame has no neighbour within the gap
 */
export function drawNeighbours(
  random: Random,
  gap: number,
  exists: (offset: number) => boolean,
): [before: number, after: number] | undefined {
  for (let k = 1 + random.integer(gap); k >= 1; k--) {
    const before = exists(-k);
    const after = exists(k);
    if (before || after) return [before ? -k : k, after ? k : -k];
  }
  return undefined;
}
