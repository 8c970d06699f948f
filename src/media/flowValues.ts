// Which flow vectors can be: the value that stands for an unknown one, and the largest sides.

/** No camera or public flow data set is wider or higher; a header with more is damaged, and is refused before anything else is computed from it. */
export const MAX_FLOW_SIDE = 65_536;

/** The value that stands for "flow not known here". Middlebury's rule: either component above 1e9 in size. */
export const UNKNOWN_FLOW = 1e10;

const UNKNOWN_THRESHOLD = 1e9;

/** Whether (u, v) stands for unknown flow (Middlebury's rule; NaN counts as unknown too). */
export function isUnknownFlow(u: number, v: number): boolean {
  return !(Math.abs(u) <= UNKNOWN_THRESHOLD && Math.abs(v) <= UNKNOWN_THRESHOLD);
}
