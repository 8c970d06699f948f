// What a checkpoint knows is on disk before it is: the logs are flushed first, and the names of all files with them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { writeToyCity } from '#src/toycity/write.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-durability-'));
afterAll(() => rmSync(folder, { recursive: true }));
const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'));
const strace = spawnSync('strace', ['-V']).status === 0;

it.skipIf(!strace)(
  'flushes logs before a checkpoint appears, and their folders after it',
  { timeout: 120_000 },
  async () => {
    const city = join(folder, 'city');
    await writeToyCity({ out: city, clips: 2, valClips: 1, frames: 3, height: 48, width: 64, seed: 0 });
    const config = join(folder, 'config.yaml');
    writeFileSync(
      config,
      `network: { architecture: pspnet18, widthMultiplier: 0.0625 }
data: { layout: toycity, root: ${JSON.stringify(city)} }
crop: [32, 48]
batch: 2
steps: 2
checkpointEvery: 1
`,
    );
    const out = join(folder, 'out');
    const calls = join(folder, 'calls');
    const trace = ['-f', '-y', '-e', 'trace=fsync,write,pwrite64,rename', '-o', calls];
    const run = spawnSync('strace', [...trace, process.execPath, main, 'train', config, '--out', out], {
      encoding: 'utf8',
    });
    expect(run.status, run.stderr).toBe(0);
    const lines = readFileSync(calls, 'utf8').split('\n');
    const find = (pattern: RegExp, from = 0) => {
      const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
      return at < 0 ? Number.POSITIVE_INFINITY : at;
    };
    let checkpoints = 0;
    let from = 0;
    for (;;) {
      const renamed = find(/rename\(.*last\.safetensors"\)/, from);
      if (renamed === Number.POSITIVE_INFINITY) break;
      for (const log of ['metrics.jsonl', 'events.out.tfevents.steadyseg']) {
        const written = find(new RegExp(`write.*${log.replaceAll('.', '\\.')}>`), from);
        const flushed = find(new RegExp(`fsync\\(.*${log.replaceAll('.', '\\.')}>`), written);
        expect([log, written < flushed, flushed < renamed]).toEqual([log, true, true]);
      }
      expect(find(/fsync\(.*checkpoints>/, renamed)).toBeLessThan(lines.length);
      checkpoints++;
      from = renamed + 1;
    }
    expect(checkpoints).toBeGreaterThan(0);
  },
);
