// Folders that cannot be written: refused in one line, at once.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cannotMount, mountSmall, remount, unmount } from './disk.js';
import { type Case, contents, type RunOptions, refusal, steadyseg, success } from './harness.js';
import { jobs } from './jobs.js';

/** The user without rights, whom permissions hold back where the campaign runs as root. */
export const nobody: RunOptions = process.getuid?.() === 0 ? { user: 65534 } : {};

export const readOnly: readonly Case[] = jobs.map((job) => ({
  name: `readonly/${job.name}`,
  fault: 'the output folder is read-only (permissions, mount), on /proc, below a file, or a file',
  promise: 'one line that names it; nothing changed; read-only inputs and caches do no harm',
  async run({ inputs, folder }) {
    const faults: string[] = [];
    let runs = 0;
    const refuses = async (out: string, options: RunOptions = {}) => {
      runs++;
      faults.push(...refusal(await steadyseg(job.args(inputs, out), options), [out]));
    };
    chmodSync(folder, 0o755);
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o555 });
    await refuses(join(closed, 'out'), nobody);
    await refuses(closed, nobody);
    const file = join(folder, 'file');
    writeFileSync(file, 'kept');
    await refuses(file);
    await refuses(join(file, 'below'));
    if (process.platform === 'linux') await refuses('/proc/steadyseg');
    if (cannotMount() === undefined) {
      const disk = join(folder, 'disk');
      if (mountSmall(disk, 2 ** 16)) {
        remount(disk, 'ro');
        await refuses(join(disk, 'out')).finally(() => unmount(disk));
      }
    }
    const found = contents(folder);
    if (found.size !== 1) faults.push(`expected nothing to be written, found ${[...found.keys()].join(', ')}`);
    // Inputs that belong to somebody else, and no home to keep a cache in.
    const open = join(folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    runs++;
    const args = job
      .args(inputs, join(open, 'out'))
      .map((arg) => (arg.endsWith('/cache') ? join(closed, 'cache') : arg));
    faults.push(...success(await steadyseg(args, { ...nobody, environment: { HOME: closed } })));
    chmodSync(closed, 0o755);
    return { runs, faults, seen: `${runs - 1} refused, 1 done with read-only inputs` };
  },
}));
