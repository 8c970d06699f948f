// A worker thread of inverseSearch.ts: computes one flow field after another.
import { move } from 'piscina';
import { denseInverseSearch, type InverseSearchPreset } from './dis/denseInverseSearch.js';
import type { FlowTask } from './threads.js';

/** The flow as (u, v) pairs in rows. */
export default function inverseSearch({ from, to, settings }: FlowTask<InverseSearchPreset>): Float32Array {
  return move(denseInverseSearch(from, to, settings).data) as Float32Array;
}
