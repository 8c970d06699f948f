// What is said where no library of MPI can be loaded.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadMpi } from '#src/collective/library.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg library '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const launched = { launcher: 'mpirun (Open MPI)', variable: 'OMPI_COMM_WORLD_RANK', rank: 0, size: 2 };

it('names those that were looked for, and what to do, where there is none', () => {
  expect(() => loadMpi(launched, undefined, ['libsteadysegnone.so.1', 'libsteadysegnone.so.2'])).toThrow(
    'mpirun (Open MPI) started 2 ranks: expected its MPI library, found none of libsteadysegnone.so.1, libsteadysegnone.so.2; install Open MPI or MPICH, or name the library in STEADYSEG_MPI',
  );
});

it('says of one that is there and cannot be loaded what is wrong with it', () => {
  const broken = join(folder, 'libmpi.so.40');
  writeFileSync(broken, 'no library');
  expect(() => loadMpi(launched, undefined, ['libsteadysegnone.so.1', broken])).toThrow(
    /expected its MPI library, found what cannot be loaded \([^;]*libmpi\.so\.40[^;]*\); install/,
  );
});
