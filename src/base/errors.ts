// Errors a user can act on: what was wrong, with the file, the expected and the found.

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

/** The message of anything thrown, in one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** Whether `thrown` is a Node system error, optionally with the given code (`ENOENT`, `ENOSPC`, …). */
export function isSystemError(thrown: unknown, code?: string): thrown is NodeJS.ErrnoException {
  if (!(thrown instanceof Error) || !('code' in thrown)) return false;
  return code === undefined || thrown.code === code;
}
