// A worker thread of write.ts: renders and writes one clip after another.
import { messageOf, SteadysegError } from '../base/errors.js';
import { type ClipTask, type ClipTimes, writeClip } from './write.js';

/** Errors a user can act on come back as values: their class does not survive the way. */
export default async function work(task: ClipTask): Promise<ClipTimes | { error: string }> {
  try {
    return await writeClip(task);
  } catch (thrown) {
    if (!(thrown instanceof SteadysegError)) throw thrown;
    Atomics.store(task.shared, 1, 1);
    return { error: messageOf(thrown) };
  }
}
