// Which process wrote a lock or a temporary file, and whether it has ended, as far as this one can see.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isSystemError } from './errors.js';

/** A process, by what tells it from every other on all machines. */
export interface Owner {
  /** Where its number means something: one boot of a machine and, on Linux, one container. */
  readonly place: string;
  readonly process: number;
  /** When it started, in ticks since the machine did; numbers are used again. Empty where the system does not tell. */
  readonly start: string;
}

/** This process. */
export const thisProcess: Owner = { place: placeOfThisProcess(), process: process.pid, start: startOf(process.pid) };

/** Processes that were found to have ended though their place is another. */
const ended = new Set<string>();

/** Whether a process has ended; undefined for one of another place, of which nothing is known from here. */
export function hasEnded({ place, process: number, start }: Owner): boolean | undefined {
  if (ended.has(`${place} ${number}`)) return true;
  if (place !== thisProcess.place) return undefined;
  return !isRunning(number) || (start !== '' && start !== startOf(number));
}

/** Remembers that a process of another place has ended: its lock was given up. */
export function rememberEnded({ place, process: number }: Owner): void {
  ended.add(`${place} ${number}`);
}

function placeOfThisProcess(): string {
  // The boot names the machine, which containers may call as they like; elsewhere its name has to do.
  const machine = readQuietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? hostname();
  const container = readQuietly(() => readlinkSync('/proc/self/ns/pid')) ?? '';
  return createHash('sha256').update(`${machine} ${container}`).digest('hex').slice(0, 8);
}

function isRunning(number: number): boolean {
  if (!Number.isInteger(number) || number < 1) return false;
  try {
    process.kill(number, 0);
    return true;
  } catch (thrown) {
    // Another user's process is there, but not for us.
    return isSystemError(thrown, 'EPERM');
  }
}

function startOf(number: number): string {
  const status = readQuietly(() => readFileSync(`/proc/${number}/stat`, 'utf8')) ?? '';
  // The name in parentheses may hold anything.
  const [, fields = ''] = /\) (.*)/s.exec(status) ?? [];
  return fields.split(' ')[19] ?? '';
}

function readQuietly(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
