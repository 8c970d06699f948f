// What the painters of patterns share: anti-aliased edges, and distances to a grid.

/** How much of a sample of size `footprint` lies inside an edge `inside` metres away (negative: outside): 0..1. */
export function cover(inside: number, footprint: number): number {
  const share = inside / footprint + 0.5;
  return share <= 0 ? 0 : Math.min(share, 1);
}

/** Distance to the nearest whole number. */
export function distanceToWhole(value: number): number {
  return Math.abs(value - Math.round(value));
}
