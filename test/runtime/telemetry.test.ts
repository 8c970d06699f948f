import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { writePicture } from '#src/media/pictures.js';
import { tinyNetwork } from '../segment/tinyNetwork.js';

const folder = mkdtempSync(join(tmpdir(), 'steadyseg-telemetry-'));
afterAll(() => rmSync(folder, { recursive: true }));
const network = join(folder, 'network.onnx');
writeFileSync(network, tinyNetwork({ classes: 19, free: true }));

const session = import.meta.resolve('#src/runtime/session.js');
const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'));
/** Files appear at once; the collector of the engine is looked up nine seconds after a session was made. */
const use = (seconds = 0.1) => `const { createSession } = await import(${JSON.stringify(session)});
  await createSession(${JSON.stringify(network)});
  await new Promise((done) => setTimeout(done, ${1000 * seconds}));`;
const inThread = (code: string, options = '{}') =>
  `import { Worker } from 'node:worker_threads';
  new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(code)})), ${options});`;

const strace = spawnSync('strace', ['-V']).status === 0;
let homes = 0;

/** What a run of Node with a home of its own leaves there, and the addresses it looks for, where strace tells. */
function traces(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const home = join(folder, `home${homes++}`);
  const calls = join(folder, 'calls');
  const { CI: _, ORT_DISABLE_TELEMETRY: __, ...inherited } = process.env;
  const env = { ...inherited, HOME: home, XDG_CACHE_HOME: '', XDG_CONFIG_HOME: '', XDG_DATA_HOME: '', ...variables };
  const before = strace ? ['strace', '-f', '-e', 'trace=connect,openat', '-o', calls] : [];
  const [file, ...rest] = [...before, process.execPath, ...args];
  const run = spawnSync(file, rest, { env, encoding: 'utf8' });
  expect(run.status, run.stderr).toBe(0);
  const lookUps = strace ? readFileSync(calls, 'utf8').match(/^.*(AF_INET|resolv\.conf|nsswitch).*$/gm) : null;
  return { left: filesIn(home), lookUps: lookUps ?? [] };
}

function filesIn(path: string): string[] {
  try {
    return readdirSync(path, { recursive: true }).map(String);
  } catch {
    return [];
  }
}

const nothing = { left: [], lookUps: [] };
const script = (code: string) => ['--input-type=module', '-e', code];

describe('telemetry of the engine', () => {
  it('is off in the library', () => {
    expect(traces(script(use(strace ? 12 : 1)))).toEqual(nothing);
  });

  it('is off in commands and their workers', async () => {
    const picture = join(folder, 'frame.png');
    await writePicture(picture, { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3) });
    const out = join(folder, 'out');
    expect(traces([main, 'predict', picture, '--model', network, '--preset', 'cityscapes', '--out', out])).toEqual(
      nothing,
    );
  });

  it('is off in a worker thread of the user, which has a copy of the environment', () => {
    expect(traces(script(inThread(use())))).toEqual(nothing);
    expect(traces(script(inThread(use(), '{ env: {} }')))).toEqual(nothing);
    expect(traces(script(inThread(inThread(use()))))).toEqual(nothing);
  });

  it('is the user’s choice where the environment says so', () => {
    if (process.platform !== 'linux') return;
    expect(traces(script(use()), { ORT_DISABLE_TELEMETRY: '0' }).left).not.toEqual([]);
  });
});
