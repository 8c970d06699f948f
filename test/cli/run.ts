// Runs the built command line, as a user does.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'));

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `steadyseg` with the given arguments, in `cwd`. */
export function steadyseg(args: readonly string[], cwd?: string): RunResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}
