// Dense inverse search as a source of flow, computed in the calling thread: for browsers, where that is a worker of the program's own.
import { denseInverseSearch, type InverseSearchPreset } from './dis/denseInverseSearch.js';
import { type FlowSource, orderedFrames } from './source.js';

/** Flow by `denseInverseSearch`. @param preset what is spent on a pair; default `medium`. */
export function inverseSearchHere(preset: InverseSearchPreset = 'medium'): FlowSource {
  return {
    name: `dis-${preset}`,
    concurrency: 1,
    async flow(pair, direction) {
      const [from, to] = orderedFrames(pair, direction);
      return denseInverseSearch(await from.image(), await to.image(), preset);
    },
    async check() {},
    async close() {},
  };
}
