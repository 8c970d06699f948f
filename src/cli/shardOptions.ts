// The options of commands whose work several machines can share.
import type { Command } from 'commander';
import { locateShard, type Shard } from '../base/shard.js';
import { wholeNumber } from './options.js';

export interface ShardOptions {
  shard?: string;
  shards?: number;
}

/** Adds `--shard` and `--shards`. @param after what becomes of the results. @param part what a shard is. */
export function addShardOptions(command: Command, after = '', part = 'clips i, i+n, … of the input'): Command {
  return command
    .option(
      '--shard <i/n>',
      `only ${part}, i from 0 (default: all; in a Slurm job array of n tasks, a Kubernetes job with JOB_COMPLETIONS, or among n ranks of mpirun or srun, this one's)${after}`,
    )
    .option(
      '--shards <n>',
      'as --shard, with i from the job scheduler: JOB_COMPLETION_INDEX (Kubernetes) or SLURM_ARRAY_TASK_ID',
      wholeNumber(1),
    );
}

/** The shard that the options or the job scheduler ask for; of the latter a line on stderr tells, since nobody wrote it. */
export function shardOf(options: ShardOptions): Shard {
  const { shard, variable } = locateShard(options);
  if (variable !== undefined) process.stderr.write(`shard ${shard.index}/${shard.count}, from ${variable}\n`);
  return shard;
}

/** Says on stderr that a shard had nothing to do, which is no error. */
export function noteEmptyShard({ index, count }: Shard): void {
  process.stderr.write(`shard ${index}/${count} is empty: no clip of the input belongs to it\n`);
}
