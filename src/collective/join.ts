// The ranks of this process: itself alone, or those that mpirun or srun started with it.
import { launchedRank } from '../base/launcher.js';
import { type Collective, oneRank } from './collective.js';

/** The ranks of a launch, and the threads of this one; without a launcher neither MPI nor a choice of threads. */
export interface Ranks {
  readonly collective: Collective;
  readonly threads?: number | undefined;
}

/** @throws SteadysegError when a launcher started several ranks and there is no MPI library. */
export async function joinLaunch(): Promise<Ranks> {
  const launched = launchedRank();
  if (!launched) return { collective: oneRank };
  // Loaded only here: without a launcher nothing of MPI is touched.
  const { joinRanks } = await import('./mpi.js');
  const ranks = await joinRanks(launched);
  return { collective: ranks, threads: ranks.threads };
}
