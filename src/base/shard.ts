// Which part of the clips a run is responsible for, when several machines share the work.
import { SteadysegError, UsageError } from './errors.js';
import { launchedRank } from './launcher.js';

/** Part `index` of `count`: clip k belongs to it when k mod count = index. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** All of it. */
export const wholeWork: Shard = { index: 0, count: 1 };

/** More parts than this are a typing error: no cluster runs as many jobs. */
export const MAX_SHARDS = 1_000_000;

/** Reads `i/n`, i from 0. @throws UsageError for anything else. */
export function parseShard(text: string): Shard {
  const match = /^(\d+)\/(\d+)$/.exec(text.trim());
  const shard = match === null ? undefined : { index: Number(match[1]), count: Number(match[2]) };
  if (shard === undefined || shard.count < 1 || shard.count > MAX_SHARDS || shard.index >= shard.count) {
    throw new UsageError(`expected --shard i/n with i from 0 to n-1, such as 0/4, found "${text}"`);
  }
  return shard;
}

/**
 * The shard of this process: `--shard i/n` where given; else its rank among those that mpirun or srun started; else, with
 * `--shards n`, the index that the scheduler gives in JOB_COMPLETION_INDEX (Kubernetes) or SLURM_ARRAY_TASK_ID; else
 * SLURM_ARRAY_TASK_ID of SLURM_ARRAY_TASK_COUNT, counted from SLURM_ARRAY_TASK_MIN, or JOB_COMPLETION_INDEX of JOB_COMPLETIONS
 * (which a job's manifest has to set); else all of it.
 * @throws UsageError when what is given does not fit together.
 */
export function resolveShard(options: ShardRequest, environment: Environment = process.env): Shard {
  return locateShard(options, environment).shard;
}

/** What `--shard` and `--shards` say. */
export interface ShardRequest {
  readonly shard?: string | undefined;
  readonly shards?: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A shard, and the variable of the job scheduler that its index is from, if it is. */
export interface LocatedShard {
  readonly shard: Shard;
  readonly variable?: string;
}

/** As `resolveShard`, with the place where the index was found. @throws UsageError when what is given does not fit together. */
export function locateShard(options: ShardRequest, environment: Environment = process.env): LocatedShard {
  const { shard, shards } = options;
  if (shard !== undefined) {
    const parsed = parseShard(shard);
    if (shards !== undefined && shards !== parsed.count) {
      throw new UsageError(`expected --shard and --shards to agree, found --shard ${shard} and --shards ${shards}`);
    }
    return { shard: parsed };
  }
  const launched = launchedRank(environment);
  const slurmIndex = environment.SLURM_ARRAY_TASK_ID;
  const slurmCount = environment.SLURM_ARRAY_TASK_COUNT;
  if (launched) {
    const { rank, size, launcher, variable } = launched;
    if ((shards ?? size) !== size || (slurmCount ?? '1') !== '1') {
      const other = slurmCount === undefined ? `--shards ${shards}` : `a job array of ${slurmCount} tasks`;
      throw new UsageError(
        `${launcher} started ${size} ranks, which are shards, but found ${other}, too: give --shard i/n`,
      );
    }
    return { shard: { index: rank, count: size }, variable };
  }
  const kubernetesIndex = environment.JOB_COMPLETION_INDEX;
  const completions = shards ?? wholeOr('JOB_COMPLETIONS', environment.JOB_COMPLETIONS, 0);
  if (kubernetesIndex !== undefined && completions > 0) {
    return fromScheduler('JOB_COMPLETION_INDEX', kubernetesIndex, 0, completions);
  }
  if (shards === undefined && (slurmIndex === undefined || slurmCount === undefined)) return { shard: wholeWork };

  if (slurmIndex !== undefined) {
    if (
      shards !== undefined &&
      slurmCount !== undefined &&
      wholeOr('SLURM_ARRAY_TASK_COUNT', slurmCount, shards) !== shards
    ) {
      // Some tasks only, such as one that is run again: which shard each of them is can't be told from the array's lowest index.
      throw new UsageError(
        `--shards ${shards}: expected an array job of ${shards} tasks, found SLURM_ARRAY_TASK_COUNT ${slurmCount}; to run some of the shards, give --shard i/${shards}`,
      );
    }
    const first = wholeOr('SLURM_ARRAY_TASK_MIN', environment.SLURM_ARRAY_TASK_MIN, 0);
    const count = shards ?? wholeOr('SLURM_ARRAY_TASK_COUNT', slurmCount, 1);
    return fromScheduler('SLURM_ARRAY_TASK_ID', slurmIndex, first, count);
  }
  throw new UsageError(
    `--shards ${shards}: expected the index of this shard in JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID, found neither; or give --shard i/${shards}`,
  );
}

/** An array that starts at 1 or higher still has its first task do shard 0. */
function fromScheduler(variable: string, text: string, first: number, count: number): LocatedShard {
  const index = wholeOr(variable, text, 0) - first;
  if (count < 1 || count > MAX_SHARDS || index < 0 || index >= count) {
    throw new UsageError(
      `${variable}: expected ${first} to ${first + count - 1} for ${count} shards, found "${text}" (an array job must step by 1)`,
    );
  }
  return { shard: { index, count }, variable };
}

function wholeOr(variable: string, text: string | undefined, otherwise: number): number {
  if (text === undefined || text === '') return otherwise;
  if (!/^\d+$/.test(text)) throw new UsageError(`${variable}: expected a whole number, found "${text}"`);
  return Number(text);
}

/** Whether clip number `clip` (from 0, in the order of the input) belongs to the shard. A shard beyond the clips is empty, which is valid. */
export function inShard(clip: number, shard: Shard): boolean {
  return clip % shard.count === shard.index;
}

/** How many missing shards an error lists. */
const MAX_NAMED = 10;

/**
 * Checks that parts of one piece of work are all of its shards, as many as the first says.
 * @throws SteadysegError naming the files of a shard that is there twice, or the shards that are missing.
 */
export function checkAllShards(parts: readonly { readonly name: string; readonly shard: Shard }[]): void {
  const count = parts[0]?.shard.count ?? 0;
  const names = new Map<number, string>();
  for (const { name, shard } of parts) {
    const twin = names.get(shard.index);
    if (twin !== undefined) {
      throw new SteadysegError(`expected each shard once, found shard ${shard.index}/${count} in ${twin} and ${name}`);
    }
    names.set(shard.index, name);
  }
  const missing = Array.from({ length: count }, (_, index) => index).filter((index) => !names.has(index));
  if (missing.length === 0) return;
  const named = missing.slice(0, MAX_NAMED).map((index) => `${index}/${count}`);
  const more = missing.length > MAX_NAMED ? ` and ${missing.length - MAX_NAMED} more` : '';
  throw new SteadysegError(`expected the results of all ${count} shards, found none of ${named.join(', ')}${more}`);
}
