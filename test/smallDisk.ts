// A disk that is soon full, for tests: a small file system in memory, which only root may mount.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** @param bytes a multiple of 4096. @returns false where this user, or this system, mounts none. */
export function mountSmallDisk(path: string, bytes: number): boolean {
  mkdirSync(path, { recursive: true });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]).status === 0;
}

export function unmountDisk(path: string): void {
  spawnSync('umount', ['-l', path]);
}
