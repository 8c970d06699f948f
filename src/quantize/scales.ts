// How bytes stand for each value of a placement: from the ranges of what shares a scale.
import { type Affine, affineOf } from './affine.js';
import type { Histogram } from './histogram.js';
import type { Placement } from './placement.js';
import { type Range, type RangeMethod, rangeOf } from './ranges.js';

/** Joined values share the scale of the whole where they then lose at most one of eight bits. */
const leastShare = 0.5;

/**
 * @param histograms of all values of the placement.
 * @returns by value. What an operator moves keeps its scale, and parts of a `Concat` take the whole's where it is not much wider.
 */
export function scalesOf(
  { operators, values, representative }: Placement,
  histograms: ReadonlyMap<string, Histogram>,
  method: RangeMethod,
): ReadonlyMap<string, Affine> {
  const ranges = new Map<string, Range>();
  const cut = new Set<string>();
  for (const [value, giver] of values) {
    const histogram = histograms.get(value);
    if (!histogram) throw new Error(`the value ${value} was not counted`);
    const { low, high } = rangeOf[method](histogram);
    const key = representative(value);
    const known = ranges.get(key) ?? { low: 0, high: 0 };
    ranges.set(key, { low: Math.min(known.low, low), high: Math.max(known.high, high) });
    if (giver?.activation) cut.add(key);
  }
  for (const { node, inputs, output } of operators.toReversed()) {
    const whole = ranges.get(representative(output));
    if (node.op !== 'Concat' || !whole) continue;
    for (const key of inputs.map(representative)) {
      const part = ranges.get(key);
      const share = part ? (part.high - part.low) / (whole.high - whole.low) : 0;
      // An activation is part of its operator only where the bytes end as it does.
      if (share >= leastShare && !cut.has(key)) ranges.set(key, whole);
    }
  }
  const affines = new Map([...ranges].map(([key, { low, high }]) => [key, affineOf(low, high)]));
  return new Map(
    [...values.keys()].map((value) => [value, affines.get(representative(value)) ?? affineOf(0, 0)] as const),
  );
}
