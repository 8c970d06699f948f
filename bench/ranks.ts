// What the message of gradients costs between ranks: exact sums, and sums in half precision, of as many values as PSPNet-18 has weights.
// Usage: mpirun -n 2 … node out/bench/ranks.js [--values 14400000] [--rounds 7]; scripts/twoHosts.sh gives two hosts and a network's speed.
import { parseArgs } from 'node:util';
import { sumInHalves } from '#src/collective/halves.js';
import { joinLaunch } from '#src/collective/join.js';
import { createRandom } from '#src/tensor/random.js';

const { values: given } = parseArgs({
  options: { values: { type: 'string', default: '14400000' }, rounds: { type: 'string', default: '7' } },
});
const { collective } = await joinLaunch();
const random = createRandom(collective.rank);
const gradients = Float32Array.from({ length: Number(given.values) }, () => random.uniform() - 0.5);
const ways = {
  exact: () => collective.sum(gradients.slice()),
  half: () => sumInHalves([gradients], collective),
};
for (const [name, run] of Object.entries(ways)) {
  await run();
  const [seconds, processor]: [number[], number[]] = [[], []];
  for (let round = 0; round < Number(given.rounds); round++) {
    // All begin together.
    await collective.gather('');
    const [started, used] = [performance.now(), process.cpuUsage()];
    await run();
    seconds.push((performance.now() - started) / 1000);
    const { user, system } = process.cpuUsage(used);
    processor.push((user + system) / 1e6);
  }
  const median = (of: number[]) => of.sort((a, b) => a - b)[Math.floor(of.length / 2)];
  const fastest = Math.min(...seconds);
  if (collective.rank === 0) {
    process.stdout.write(
      `${name}: median ${median(seconds).toFixed(3)} s, fastest ${fastest.toFixed(3)} s, processor ${median(processor).toFixed(3)} s\n`,
    );
  }
}
await collective.close();
