// Runs the built command line, as a user does.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'));

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `steadyseg` with the given arguments, in `cwd`, with variables beside those of this process. */
export function steadyseg(
  args: readonly string[],
  cwd?: string,
  variables: Readonly<Record<string, string>> = {},
): RunResult {
  const env = { ...process.env, ...variables };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd, env, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** What Node is to be started with (`NODE_OPTIONS`) so that a signal reaches a command as soon as it listens, where a condition holds. */
export function signalOnceHeard(signal: 'SIGTERM' | 'SIGINT', condition = 'true'): string {
  const script = `process.on('newListener', (event) => {
    if (event === '${signal}' && ${condition}) setImmediate(() => process.kill(process.pid, event));
  });`;
  return `--import=data:text/javascript,${encodeURIComponent(script)}`;
}
