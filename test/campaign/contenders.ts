// Many processes that want one folder at once, whose last owner was killed.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Case, main } from './harness.js';

const CONTENDERS = 6;
const FOLDERS_PER_ROUND = 20;
/** Milliseconds from one folder to the next, and in which an owner works. */
const [SLOT, WORK] = [250, 100];

/** A process that takes the lock of each folder at its time, and writes down when it begins and ends to work there. */
const contender = `
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
const [lockModule, folder, count, start, slot, work] = process.argv.slice(1);
const { lockFolder } = await import(lockModule);
for (let k = 0; k < Number(count); k++) {
  await sleep(Math.max(0, Number(start) + k * Number(slot) - Date.now()));
  try {
    const lock = await lockFolder(folder + '/' + k + '/.lock', 'working in this folder');
    appendFileSync(folder + '/' + k + '/log', 'begin\\n');
    await sleep(Number(work));
    appendFileSync(folder + '/' + k + '/log', 'end\\n');
    if (slot !== '0') await (typeof lock === 'function' ? lock() : lock.release());
  } catch {}
}
if (slot === '0') process.kill(process.pid, 'SIGKILL');
process.exit();
`;

export const contenders: Case = {
  name: 'trust/contenders',
  fault: `${CONTENDERS} processes that want a folder at once, whose owner was killed`,
  promise: 'never do two work in it at the same time; one of them does',
  async run({ folder, rounds }) {
    const faults: string[] = [];
    const count = FOLDERS_PER_ROUND * rounds;
    for (let k = 0; k < count; k++) mkdirSync(join(folder, String(k)));
    const lockModule = pathToFileURL(join(dirname(main), '..', 'base', 'lock.js')).href;
    const run = (start: number, slot: number, work: number) =>
      new Promise((resolve) => {
        const numbers = [count, start, slot, work].map(String);
        const args = ['--input-type=module', '-e', contender, lockModule, folder, ...numbers];
        spawn(process.execPath, args, { stdio: 'ignore' }).once('close', resolve);
      });
    await run(0, 0, 0);
    // Processes take their time to begin.
    const start = Date.now() + 3000;
    await Promise.all(Array.from({ length: CONTENDERS }, () => run(start, SLOT, WORK)));
    for (let k = 0; k < count; k++) {
      const [, , ...lines] = readFileSync(join(folder, String(k), 'log'), 'utf8')
        .trim()
        .split('\n');
      if (lines.length === 0) faults.push(`folder ${k}: nobody took it over`);
      if (lines.some((line, at) => line !== (at % 2 === 0 ? 'begin' : 'end'))) faults.push(`folder ${k}: two at once`);
    }
    return { runs: count * CONTENDERS, faults, seen: `${count} folders, each of one at a time` };
  },
};
