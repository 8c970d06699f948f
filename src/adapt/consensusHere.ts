// The consensus of a clip in the calling thread: in browsers.
import {
  type ConsensusClip,
  type ConsensusOptions,
  type ConsensusTarget,
  formConsensus,
  type Said,
} from './clipConsensus.js';

/** Records of H×W×C that are kept of each frame at most: as the network came, the targets, those of the second round. */
export const probabilityRecords = 3;

/** As `formTargets` of consensusThreads.ts. */
export function formTargets(
  clip: ConsensusClip,
  into: ConsensusTarget,
  options: ConsensusOptions,
  said: Said = (t) => clip.files.probabilities.read(t),
): Promise<number[]> {
  return formConsensus(clip, into, said, options);
}

/** Threads that form a consensus: this one. */
export function consensusThreads(): number {
  return 1;
}
