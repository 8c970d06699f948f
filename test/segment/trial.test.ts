// A network that ends its process, or never ends, is told from others by a process of its own.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadModel } from '#src/segment/loadModel.js';
import { tryNetwork } from '#src/segment/trial.js';
import { tinyNetwork } from './tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-trial-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const endless = fileURLToPath(new URL('../fixtures/hostile/endless.onnx', import.meta.url));

/** The process of a trial that this one began. */
function trialOf(): number | undefined {
  const found = readdirSync('/proc').find((name) => {
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]);
      return parent === process.pid && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('trialProcess');
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

describe('a trial', { timeout: 120_000 }, () => {
  it('lets a sound network through, from a file or bytes', async () => {
    const image = { width: 8, height: 8, data: new Uint8Array(192) };
    const path = join(folder, 'sound.onnx');
    const bytes = tinyNetwork({ height: 8, width: 8 });
    writeFileSync(path, bytes);
    for (const content of [path, bytes]) {
      const model = await loadModel(content, { trial: true, threads: 1 });
      expect((await model.segment(image)).labels.data).toHaveLength(64);
      await model.release();
    }
  });

  it('leaves what can be said in words to the process that asks', async () => {
    const path = join(folder, 'none.onnx');
    await expect(loadModel(path, { trial: true })).rejects.toThrow(`cannot read ${path}: no such file`);
  });

  it('refuses a network that does not end', async () => {
    await expect(tryNetwork(endless, { threads: 1 }, 4)).rejects.toThrow(
      `${endless}: expected a network that can be run, found that a trial took more than 4 seconds`,
    );
  });

  it.runIf(process.platform === 'linux')('refuses a network that ends its process', async () => {
    const tried = expect(tryNetwork(endless, { threads: 1 }, 60)).rejects.toThrow(
      `${endless}: expected a network that can be run, found that a trial ended its process (SIGSEGV)`,
    );
    let trial = trialOf();
    while (trial === undefined) {
      await sleep(20);
      trial = trialOf();
    }
    process.kill(trial, 'SIGSEGV');
    await tried;
  });
});
