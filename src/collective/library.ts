// Finds the installed MPI library and tells which of the two binary interfaces it has: that of Open MPI, or that of MPICH and its kin.
import koffi, { type LibraryHandle } from 'koffi';
import { messageOf, SteadysegError } from '../base/errors.js';
import type { LaunchedRank } from '../base/launcher.js';

/** A value of a type that each MPI defines as it likes: an address in Open MPI, a number in MPICH. */
export type Handle = bigint | number;

/** A loaded library, and the constants of its `mpi.h`. */
export interface MpiLibrary {
  readonly name: string;
  readonly library: LibraryHandle;
  /** C type of handles. */
  readonly handle: 'intptr_t' | 'int';
  readonly world: Handle;
  readonly float: Handle;
  readonly byte: Handle;
  readonly sum: Handle;
  /** MPI_IN_PLACE and MPI_STATUS_IGNORE, as addresses. */
  readonly inPlace: bigint;
  readonly ignoredStatus: bigint;
  /** MPI_THREAD_FUNNELED: only the main thread calls. */
  readonly mainThreadOnly: number;
}

/** The variable that names the library where it is not found. */
export const libraryVariable = 'STEADYSEG_MPI';

const openMpiNames = ['libmpi.so.40', 'libmpi.40.dylib', 'libmpi.so', 'libmpi.dylib'];
const mpichNames = ['libmpi.so.12', 'libmpich.so.12', 'libmpi.12.dylib', 'libmpi_intel.so.12', 'libmpi_cray.so.12'];

/**
 * Loads the library that `STEADYSEG_MPI` names, or that of the launcher.
 * @throws SteadysegError, saying where it was looked for, when there is none.
 */
export function loadMpi(
  { launcher, size }: LaunchedRank,
  named = process.env[libraryVariable],
  usual: readonly string[] = usualNames(launcher),
): MpiLibrary {
  const names = named ? [named] : usual;
  const faults: string[] = [];
  for (const name of names) {
    let library: LibraryHandle;
    try {
      // Global: the parts that Open MPI loads itself look for its functions there.
      library = koffi.load(name, { global: true });
    } catch (thrown) {
      faults.push(messageOf(thrown));
      continue;
    }
    return interfaceOf(name, library);
  }
  if (named) {
    throw new SteadysegError(
      `${libraryVariable}: expected an MPI library, found ${named}, which cannot be loaded: ${faults[0]}`,
    );
  }
  const broken = names.flatMap((name, k) => (isAbsent(faults[k]) ? [] : [`${name}: ${faults[k]}`]));
  const found =
    broken.length > 0 ? `found what cannot be loaded (${broken.join('; ')})` : `found none of ${names.join(', ')}`;
  throw new SteadysegError(
    `${launcher} started ${size} ranks: expected its MPI library, ${found}; install Open MPI or MPICH, or name the library in ${libraryVariable}`,
  );
}

function usualNames(launcher: string): readonly string[] {
  return launcher.includes('MPICH') ? [...mpichNames, ...openMpiNames] : [...openMpiNames, ...mpichNames];
}

/** Whether a loader's message says that there is no such file, and not that it is of another kind. */
function isAbsent(fault: string): boolean {
  return /no such file/i.test(fault);
}

/** @throws SteadysegError for a library that is no MPI. */
function interfaceOf(name: string, library: LibraryHandle): MpiLibrary {
  const address = (symbol: string): bigint | undefined => {
    try {
      return library.symbol(symbol) as bigint;
    } catch {
      return undefined;
    }
  };
  const [world, float, byte, sum] = ['comm_world', 'float', 'byte', 'op_sum'].map((one) => address(`ompi_mpi_${one}`));
  if (world !== undefined && float !== undefined && byte !== undefined && sum !== undefined) {
    const constants = { inPlace: 1n, ignoredStatus: 0n, mainThreadOnly: 1 };
    return { name, library, handle: 'intptr_t', world, float, byte, sum, ...constants };
  }
  if (address('MPI_Init_thread') === undefined) {
    throw new SteadysegError(`${name}: expected an MPI library, found one without MPI_Init_thread`);
  }
  return {
    name,
    library,
    handle: 'int',
    world: 0x44000000,
    float: 0x4c00040a,
    byte: 0x4c00010d,
    sum: 0x58000003,
    inPlace: -1n,
    ignoredStatus: 1n,
    mainThreadOnly: 1,
  };
}
