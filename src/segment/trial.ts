// Runs a network once in a process of its own, so that a file which ends the engine's process takes no other along.
import { fork } from 'node:child_process';
import { SteadysegError } from '../base/errors.js';
import type { LoadOptions } from './model.js';

/** What the process is told. */
export interface Trial {
  readonly content: string | Uint8Array;
  readonly options: LoadOptions;
}

/** Large networks take seconds for a picture, also on a slow machine. */
const MAX_SECONDS = 120;

/**
 * Compiles a network and runs it on one picture of its own size, or of 256×256 where that is free, in a new process. What it
 * says of the network does not count, only whether it comes to an end: errors come again, in words, where the network is used.
 * @throws SteadysegError naming the file when the process is ended by it, or does not end in time.
 */
export async function tryNetwork(
  content: string | Uint8Array,
  options: LoadOptions,
  seconds = MAX_SECONDS,
): Promise<void> {
  const source = typeof content === 'string' ? content : 'the model';
  const child = fork(new URL('./trialProcess.js', import.meta.url), {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
  });
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, 1000 * seconds);
  try {
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    // A process that ends before it was told everything says so by its ending.
    child.send({ content, options } satisfies Trial, () => {});
    const { code, signal } = await ended;
    if (code === 0) return;
    const how = isLate ? `took more than ${seconds} seconds` : `ended its process (${signal ?? `exit code ${code}`})`;
    throw new SteadysegError(`${source}: expected a network that can be run, found that a trial ${how}`);
  } finally {
    clearTimeout(late);
  }
}
