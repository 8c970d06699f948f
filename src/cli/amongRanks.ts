// A command that mpirun or srun may have started several times over, to work as one.
import { InterruptedError, SteadysegError } from '../base/errors.js';
import { joinLaunch, type Ranks } from '../collective/join.js';
import { exitCodeOf } from './exitCode.js';

/**
 * Runs work among the ranks of the launch. A rank that fails says which it is, and ends the others.
 * @returns what the work does; nothing where it was interrupted, which the first rank throws.
 */
export async function amongRanks<Result>(work: (ranks: Ranks) => Promise<Result>): Promise<Result | undefined> {
  const ranks = await joinLaunch();
  const { collective } = ranks;
  try {
    const result = await work(ranks);
    await collective.close();
    return result;
  } catch (thrown) {
    if (thrown instanceof InterruptedError) {
      // All ranks end so, after the same step; the first tells.
      await collective.close();
      if (collective.rank > 0) {
        process.exitCode = exitCodeOf(thrown);
        return undefined;
      }
    } else if (thrown instanceof SteadysegError && collective.size > 1) {
      thrown.message = `${collective.describe(collective.rank)}: ${thrown.message}`;
    }
    throw thrown;
  }
}
