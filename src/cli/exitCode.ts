// The exit code that tells why a command ended.
import { InterruptedError, TerminatedError, UsageError } from '../base/errors.js';

/** 1 failed, 2 wrong usage, 75 ended by a scheduler and to be run again (EX_TEMPFAIL), 130 interrupted by the user. */
export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof TerminatedError) return 75;
  if (thrown instanceof InterruptedError) return 130;
  return thrown instanceof UsageError ? 2 : 1;
}
