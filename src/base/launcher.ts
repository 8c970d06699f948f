// What a launcher of parallel programs (mpirun, srun) tells a process of itself: which of how many it is.
import { UsageError } from './errors.js';

/** A process among those that one launch started. */
export interface LaunchedRank {
  /** From 0. */
  readonly rank: number;
  /** Processes in all. */
  readonly size: number;
  /** The program that started them, for messages. */
  readonly launcher: string;
  /** The variable that holds the rank. */
  readonly variable: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** More processes than this are a typing error. */
const MAX_RANKS = 1_000_000;

/**
 * Variables by launcher, the innermost first: under Slurm `mpirun` and `mpiexec` start their ranks from a job step, whose
 * variables the ranks inherit, and which has one task a machine. Slurm's are those of a step: a batch script has SLURM_NTASKS,
 * too, but is one process.
 */
const launchers = [
  { launcher: 'mpirun (Open MPI)', rank: 'OMPI_COMM_WORLD_RANK', size: 'OMPI_COMM_WORLD_SIZE' },
  { launcher: 'mpiexec (MPICH) or srun --mpi=pmi2', rank: 'PMI_RANK', size: 'PMI_SIZE' },
  { launcher: 'srun', rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS' },
] as const;

/**
 * The rank of this process; undefined where no launcher started it, or it alone.
 * @throws UsageError when what the launcher says cannot be.
 */
export function launchedRank(environment: Environment = process.env): LaunchedRank | undefined {
  for (const { launcher, rank, size } of launchers) {
    const [index, count] = [environment[rank], environment[size]];
    if (index === undefined || count === undefined) continue;
    const whole = [index, count].every((text) => /^\d{1,7}$/.test(text));
    if (!whole || Number(count) < 1 || Number(count) > MAX_RANKS || Number(index) >= Number(count)) {
      throw new UsageError(`${rank} and ${size}: expected a rank below a number of ranks, found ${index} and ${count}`);
    }
    if (count === '1') return undefined;
    return { rank: Number(index), size: Number(count), launcher, variable: rank };
  }
  return undefined;
}
