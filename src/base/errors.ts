// Errors a user can act on: what was wrong, with the file, the expected and the found.

import { printable } from './printable.js';

/** A fault of the input or the surroundings, told in one readable line. The command line exits with 1 and prints no stack trace. */
export class SteadysegError extends Error {
  override name = 'SteadysegError';
}

/** A wrong call of a command or function (an option that does not exist, two that exclude each other). The command line exits with 2. */
export class UsageError extends SteadysegError {
  override name = 'UsageError';
}

/** The user stopped it (Ctrl-C); what was done until then is kept. The command line exits with 130, as shells have it. */
export class InterruptedError extends SteadysegError {
  override name = 'InterruptedError';
}

/** A scheduler ended it (SIGTERM); it is to be run again, to go on. The command line exits with 75, the system's code for that. */
export class TerminatedError extends InterruptedError {
  override name = 'TerminatedError';
}

/** No message that is read is longer; what a damaged file says of itself may be. */
const MAX_MESSAGE = 2000;

/** The message of anything thrown, in one line; control characters, which a damaged file may bring along, stand as their codes. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const short = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  return printable(short.replace(/\s*\n\s*/g, ' ').trim()).replaceAll('\t', '\\x09');
}

/** Whether there was not enough memory: for a thread, a buffer, the engine of the networks, or WebAssembly. */
export function isOutOfMemory(thrown: unknown): boolean {
  if (isSystemError(thrown, 'ERR_WORKER_OUT_OF_MEMORY') || isSystemError(thrown, 'ERR_WORKER_INIT_FAILED')) return true;
  return /out of memory|allocation failed|bad_alloc|could not allocate|cannot allocate|failed to (allocate|map)/i.test(
    messageOf(thrown),
  );
}

/** Whether `thrown` is a Node system error, optionally with the given code (`ENOENT`, `ENOSPC`, …). */
export function isSystemError(thrown: unknown, code?: string): thrown is Error & { readonly code?: string } {
  if (!(thrown instanceof Error) || !('code' in thrown)) return false;
  return code === undefined || thrown.code === code;
}
