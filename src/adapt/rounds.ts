// The two rounds of an adaptation: towards the network's own consensus, then towards that of what it has become, which is steadier.

export type Round = 'first' | 'second';

/** Updates where nothing else is said: the 300 of SPEC section 9, and 200 more; on less video five for each frame. */
export function usualSteps(frames: number): number {
  return Math.min(mostSteps, Math.max(leastSteps, 5 * frames));
}

const [leastSteps, mostSteps] = [150, 500];

/** The updates of each round: two fifths are left for the second. */
export function roundsOf(steps: number): Record<Round, number> {
  const second = Math.floor((2 * steps) / 5);
  return { first: steps - second, second };
}
