// Which cores the system lets this process use.
import { readFileSync } from 'node:fs';

/** Such as `0-3,8`; undefined where the system does not tell. */
export function allowedCores(): string | undefined {
  try {
    return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
