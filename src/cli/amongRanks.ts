// A command that mpirun or srun may have started several times over, to work as one.
import { InterruptedError, SteadysegError } from '../base/errors.js';
import { joinLaunch, type Ranks } from '../collective/join.js';
import { exitCodeOf } from './exitCode.js';

/** Runs work among the ranks of the launch. A rank that fails says which it is, and ends the others. */
export async function amongRanks(work: (ranks: Ranks) => Promise<void>): Promise<void> {
  const ranks = await joinLaunch();
  const { collective } = ranks;
  try {
    await work(ranks);
    await collective.close();
  } catch (thrown) {
    if (thrown instanceof InterruptedError) {
      // All ranks end so, after the same step; the first tells.
      await collective.close();
      if (collective.rank > 0) {
        process.exitCode = exitCodeOf(thrown);
        return;
      }
    } else if (thrown instanceof SteadysegError && collective.size > 1) {
      thrown.message = `${collective.describe(collective.rank)}: ${thrown.message}`;
    }
    throw thrown;
  }
}
