import { expect, it } from 'vitest';
import { inShard, locateShard, parseShard, resolveShard } from '#src/base/shard.js';

it('reads i/n and refuses anything else', () => {
  expect(parseShard('2/5')).toEqual({ index: 2, count: 5 });
  for (const text of ['5/5', '0/0', '1', '-1/2', '1.5/2', 'a/b', '0/9999999999']) {
    expect(() => parseShard(text)).toThrow(/expected --shard i\/n/);
  }
});

it('takes the index from the scheduler', () => {
  expect(resolveShard({}, {})).toEqual({ index: 0, count: 1 });
  expect(resolveShard({}, { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_COUNT: '8' })).toEqual({ index: 3, count: 8 });
  expect(
    resolveShard({}, { SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_COUNT: '8', SLURM_ARRAY_TASK_MIN: '1' }),
  ).toEqual({ index: 0, count: 8 });
  expect(resolveShard({ shards: 4 }, { JOB_COMPLETION_INDEX: '3' })).toEqual({ index: 3, count: 4 });
  // A Kubernetes job that was not asked to share its work does all of it.
  expect(resolveShard({}, { JOB_COMPLETION_INDEX: '3' })).toEqual({ index: 0, count: 1 });
  expect(resolveShard({ shard: '1/2' }, { SLURM_ARRAY_TASK_ID: '0', SLURM_ARRAY_TASK_COUNT: '8' })).toEqual({
    index: 1,
    count: 2,
  });
});

it('takes a rank of a launch for a shard', () => {
  const ranks = { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '3' };
  expect(locateShard({}, ranks)).toEqual({ shard: { index: 2, count: 3 }, variable: 'OMPI_COMM_WORLD_RANK' });
  expect(resolveShard({ shards: 3 }, ranks)).toEqual({ index: 2, count: 3 });
  expect(resolveShard({ shard: '0/9' }, ranks)).toEqual({ index: 0, count: 9 });
  expect(resolveShard({}, { PMI_RANK: '1', PMI_SIZE: '2' })).toEqual({ index: 1, count: 2 });
  expect(resolveShard({}, { SLURM_PROCID: '3', SLURM_STEP_NUM_TASKS: '4' })).toEqual({ index: 3, count: 4 });
  // mpiexec of MPICH starts its ranks from a job step of Slurm with one task a machine, whose variables they inherit.
  for (const tasks of ['1', '2']) {
    const step = { SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: tasks };
    expect(resolveShard({}, { ...step, PMI_RANK: '1', PMI_SIZE: '4' })).toEqual({ index: 1, count: 4 });
    expect(resolveShard({}, { ...step, ...ranks })).toEqual({ index: 2, count: 3 });
  }
  // A batch script knows of the tasks it may start, but is none of them; one rank alone is no launch.
  expect(resolveShard({}, { SLURM_PROCID: '0', SLURM_NTASKS: '4' })).toEqual({ index: 0, count: 1 });
  const array = { SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_COUNT: '2' };
  expect(resolveShard({}, { ...array, SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '1' })).toEqual({ index: 1, count: 2 });
  expect(() => resolveShard({}, { ...array, ...ranks })).toThrow(/3 ranks, .* a job array of 2 tasks/);
  expect(() => resolveShard({ shards: 4 }, ranks)).toThrow(/3 ranks, .* --shards 4/);
  expect(() => resolveShard({}, { PMI_RANK: '2', PMI_SIZE: '2' })).toThrow(
    /rank below a number of ranks, found 2 and 2/,
  );
});

it('takes the number of a Kubernetes job from JOB_COMPLETIONS', () => {
  expect(resolveShard({}, { JOB_COMPLETION_INDEX: '1', JOB_COMPLETIONS: '3' })).toEqual({ index: 1, count: 3 });
  expect(() => resolveShard({}, { JOB_COMPLETION_INDEX: '3', JOB_COMPLETIONS: '3' })).toThrow(/0 to 2 for 3 shards/);
});

it('says which variable the index is from', () => {
  const slurm = { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_COUNT: '8' };
  expect(locateShard({}, slurm)).toEqual({ shard: { index: 3, count: 8 }, variable: 'SLURM_ARRAY_TASK_ID' });
  expect(locateShard({ shards: 4 }, { JOB_COMPLETION_INDEX: '3' }).variable).toBe('JOB_COMPLETION_INDEX');
  expect(locateShard({ shard: '3/8' }, slurm).variable).toBeUndefined();
  expect(locateShard({}, {}).variable).toBeUndefined();
});

it('refuses what does not fit together', () => {
  expect(() => resolveShard({ shards: 4 }, {})).toThrow(/found neither/);
  expect(() => resolveShard({ shards: 4 }, { JOB_COMPLETION_INDEX: '4' })).toThrow(/expected 0 to 3 for 4 shards/);
  expect(() => resolveShard({ shard: '0/2', shards: 3 }, {})).toThrow(/agree/);
  // One task of an array run again: its lowest index is its own, so it would take itself for shard 0.
  const again = { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_COUNT: '1', SLURM_ARRAY_TASK_MIN: '3' };
  expect(() => resolveShard({ shards: 8 }, again)).toThrow(
    /array job of 8 tasks, found SLURM_ARRAY_TASK_COUNT 1; .*--shard i\/8/,
  );
  expect(() => resolveShard({}, { SLURM_ARRAY_TASK_ID: 'x', SLURM_ARRAY_TASK_COUNT: '2' })).toThrow(/whole number/);
});

it('gives every clip to exactly one shard', () => {
  for (let clip = 0; clip < 20; clip++) {
    const owners = [0, 1, 2].filter((index) => inShard(clip, { index, count: 3 }));
    expect(owners).toEqual([clip % 3]);
  }
});
