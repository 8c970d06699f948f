// Both sides of a comparison, one process each, asked in turns; and what our side answers with.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that answers each line with a line. */
export interface Runner {
  ask(line: string): Promise<string>;
  stop(): void;
}

export function start(command: string, args: readonly string[]): Runner {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (!child.stdout || !child.stdin) throw new Error(`${command}: no pipes`);
  const { stdin } = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(line) {
      stdin.write(`${line}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ended on "${line}"`);
      return value;
    },
    stop: () => stdin.end(),
  };
}

/**
 * Answers lines on standard input: `memory` with the peak in megabytes, any other with the milliseconds of one run of what
 * `prepare` made for it. What was prepared is kept until the line changes.
 */
export async function serve(prepare: (line: string) => Promise<() => Promise<void>>): Promise<void> {
  let current = '';
  let run = async () => {};
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'memory') {
      console.log(process.resourceUsage().maxRSS / 1024);
      continue;
    }
    if (line !== current) run = await prepare(line);
    current = line;
    const begin = performance.now();
    await run();
    console.log(performance.now() - begin);
  }
}

/** Asks both sides the same in turns, after two rounds that do not count. Medians of their answers, in milliseconds. */
export async function inTurns(
  sides: readonly [Runner, Runner],
  line: string,
  rounds: number,
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let round = -2; round < rounds; round++) {
    for (const [side, runner] of sides.entries()) {
      const time = Number(await runner.ask(line));
      if (round >= 0) times[side].push(time);
    }
  }
  return [median(times[0]), median(times[1])];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
