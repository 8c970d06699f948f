// Ranks over MPI: a few functions of the installed library, called in the main thread.
import { availableParallelism, hostname } from 'node:os';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { SteadysegError } from '../base/errors.js';
import type { LaunchedRank } from '../base/launcher.js';
import { hasEnded, type Owner, thisProcess } from '../base/owner.js';
import type { Collective } from './collective.js';
import { allowedCores } from './cores.js';
import { type Handle, loadMpi, type MpiLibrary } from './library.js';

/** A rank that is waited for is asked after as often, in milliseconds. */
const watchInterval = 1000;
/** How long a wait keeps its core before it rests between looks, in milliseconds, and how long it then rests. */
const patience = 20;
const rest = 1;
/** Messages of MPI count in `int`; larger buffers go in parts of so many values. */
const MAX_VALUES = 2 ** 28;

/** What each rank tells the others of itself. */
interface Member extends Owner {
  readonly host: string;
  readonly cores: string;
}

/** Ranks over MPI. */
export interface MpiRanks extends Collective {
  /** Cores that are this rank's own: those it was given, shared with the ranks that were given the same. */
  readonly threads: number;
}

/**
 * Joins the ranks of a launch. When the process ends without `close`, the others are ended, too.
 * @throws SteadysegError when there is no MPI library, or it does not know of the launch.
 */
export async function joinRanks(launched: LaunchedRank): Promise<MpiRanks> {
  const mpi = bindings(launched);
  if (lacksPmix(mpi.interface, launched)) {
    process.stderr.write(
      `${launched.launcher} started ${launched.size} ranks without PMIx, and few builds of Open MPI (${mpi.name}) start without it: srun --mpi=pmix, where srun --mpi=list has it, else mpirun\n`,
    );
  }
  mpi.start();
  process.once('exit', (code) => mpi.isOpen() && mpi.abort(code === 0 ? 1 : code));
  const { rank, size } = mpi;
  if (rank !== launched.rank || size !== launched.size) {
    mpi.finish();
    throw new SteadysegError(
      `${launched.launcher} started rank ${launched.rank} of ${launched.size}, but ${mpi.name} knows of rank ${rank} of ${size}: launcher and library must belong together (with Slurm: srun --mpi=pmix or pmi2)`,
    );
  }
  let members: readonly Member[] = [];
  const describe = (number: number) => {
    const member = members[number];
    return `rank ${number} of ${size}${member ? ` (${member.host}, process ${member.process})` : ''}`;
  };

  /** Waits until all ranks are here, without keeping this process from anything else. */
  const meet = async () => {
    const barrier = mpi.beginBarrier();
    const started = performance.now();
    let watched = started;
    while (!barrier.isDone()) {
      const now = performance.now();
      if (now - started < patience) {
        await turn();
        continue;
      }
      await pause(rest);
      if (now - watched < watchInterval) continue;
      watched = now;
      const gone = members.findIndex((member) => hasEnded(member) === true);
      if (gone >= 0 && !barrier.isDone()) throw new SteadysegError(`${describe(gone)} has ended`);
    }
  };

  const gather = async (text: string): Promise<string[]> => {
    await meet();
    const bytes = new TextEncoder().encode(text);
    const lengths = new Int32Array(mpi.gather(new Uint8Array(Int32Array.of(bytes.length).buffer)).buffer);
    const longest = Math.max(...lengths);
    const padded = new Uint8Array(longest);
    padded.set(bytes);
    const all = mpi.gather(padded);
    const decoder = new TextDecoder();
    return Array.from(lengths, (length, k) => decoder.decode(all.subarray(k * longest, k * longest + length)));
  };

  const self: Member = { ...thisProcess, host: hostname(), cores: allowedCores() ?? '' };
  members = (await gather(JSON.stringify(self))).map((text) => JSON.parse(text) as Member);
  const sharing = members.filter(({ place, cores }) => place === self.place && cores === self.cores).length;
  return {
    rank,
    size,
    threads: Math.max(1, Math.floor(availableParallelism() / sharing)),
    describe,
    gather,
    async sum(values) {
      await meet();
      for (let from = 0; from < values.length; from += MAX_VALUES) mpi.sum(values.subarray(from, from + MAX_VALUES));
    },
    async exchange(parts) {
      await meet();
      return mpi.exchange(parts);
    },
    async collect(values) {
      await meet();
      return new Uint16Array(mpi.gather(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)).buffer);
    },
    async share(values) {
      await meet();
      for (let from = 0; from < values.length; from += MAX_VALUES) mpi.share(values.subarray(from, from + MAX_VALUES));
    },
    async close() {
      await meet();
      mpi.finish();
    },
  };
}

/** Whether Open MPI may end the process within MPI_Init, with a message that blames how it was built. */
function lacksPmix({ handle }: MpiLibrary, { variable }: LaunchedRank): boolean {
  return handle === 'intptr_t' && !variable.startsWith('OMPI_') && process.env.PMIX_NAMESPACE === undefined;
}

/** The functions of the library that are used, with its constants filled in. */
function bindings(launched: LaunchedRank) {
  const found = loadMpi(launched);
  const { library, handle, world, float, byte, sum, inPlace, ignoredStatus } = found;
  /** A function that returns MPI's error code, of which nothing but success is ever returned: errors end the process. */
  const bind = (name: string, parameters: string) => {
    const bound = library.func(`int ${name}(${parameters})`);
    return (...values: unknown[]) => {
      const code = bound(...values) as number;
      if (code !== 0) throw new SteadysegError(`${found.name}: ${name} failed with code ${code}`);
    };
  };
  const initialize = bind('MPI_Init_thread', 'intptr_t, intptr_t, int, _Out_ int *');
  const rankOf = bind('MPI_Comm_rank', `${handle}, _Out_ int *`);
  const sizeOf = bind('MPI_Comm_size', `${handle}, _Out_ int *`);
  const reduce = bind('MPI_Allreduce', `intptr_t, void *, int, ${handle}, ${handle}, ${handle}`);
  const broadcast = bind('MPI_Bcast', `void *, int, ${handle}, int, ${handle}`);
  const gather = bind('MPI_Allgather', `void *, int, ${handle}, void *, int, ${handle}, ${handle}`);
  const allToAll = bind('MPI_Alltoall', `void *, int, ${handle}, void *, int, ${handle}, ${handle}`);
  const barrier = bind('MPI_Ibarrier', `${handle}, _Out_ ${handle} *`);
  const test = bind('MPI_Test', `_Inout_ ${handle} *, _Out_ int *, intptr_t`);
  const abort = bind('MPI_Abort', `${handle}, int`);
  const finalize = bind('MPI_Finalize', '');
  const read = (call: (...values: unknown[]) => void) => {
    const value = [0];
    call(world, value);
    return value[0];
  };
  let open = false;
  return {
    name: found.name,
    interface: found,
    start() {
      initialize(0, 0, found.mainThreadOnly, [0]);
      open = true;
    },
    isOpen: () => open,
    get rank() {
      return read(rankOf);
    },
    get size() {
      return read(sizeOf);
    },
    sum: (values: Float32Array) => reduce(inPlace, values, values.length, float, sum, world),
    share: (values: Float32Array) => broadcast(values, values.length, float, 0, world),
    gather(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
      const all = new Uint8Array(bytes.length * launched.size);
      gather(bytes, bytes.length, byte, all, bytes.length, byte, world);
      return all;
    },
    exchange(parts: Uint16Array): Uint16Array<ArrayBuffer> {
      const received = new Uint16Array(parts.length);
      const bytes = parts.byteLength / launched.size;
      allToAll(parts, bytes, byte, received, bytes, byte, world);
      return received;
    },
    beginBarrier() {
      const request: Handle[] = [0];
      barrier(world, request);
      return {
        isDone() {
          const done = [0];
          test(request, done, ignoredStatus);
          return done[0] !== 0;
        },
      };
    },
    abort(code: number) {
      open = false;
      abort(world, code);
    },
    finish() {
      open = false;
      finalize();
    },
  };
}
